//! The SCIM 2.0 protocol, RFC 7643 and RFC 7644: pure, no I/O, imports nothing of ours.
