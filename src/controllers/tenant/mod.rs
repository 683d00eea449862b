//! Tenants: their tokens, the Secrets that carry these, and what their status says.
