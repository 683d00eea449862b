//! Labels, annotations and finalizers that Rollcall puts on objects or obeys.

/// The value of `app.kubernetes.io/managed-by` on everything that Rollcall writes.
pub const MANAGER: &str = "rollcall";

/// The field manager of every write, so that `kubectl get --show-managed-fields` tells who did it.
pub const FIELD_MANAGER: &str = "rollcall";

/// Standard label: which tool manages this object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The ScimTenant that an object belongs to.
pub const LABEL_TENANT: &str = "rollcall.dev/tenant";

/// The Team that a MembershipSlice, a RoleBinding or a ClusterRoleBinding was made for.
pub const LABEL_TEAM: &str = "rollcall.dev/team";

/// The DownstreamApp that an object was made for.
pub const LABEL_APP: &str = "rollcall.dev/app";

/// The namespace of that DownstreamApp, where the object lives in another namespace or in none.
pub const LABEL_APP_NAMESPACE: &str = "rollcall.dev/app-namespace";

/// On the Secret that holds the hash of a user's password: the kind of hash.
pub const LABEL_PASSWORD: &str = "rollcall.dev/password";

/// On a User, while a password waits for apps that want it: which password, and until when. Nothing of the password.
pub const ANNOTATION_PASSWORD_OFFER: &str = "rollcall.dev/password-offer";

/// What a Lease with this label keeps unique: `userName` or `displayName`; or another attribute of a `User` or `Group`.
pub const LABEL_CLAIM: &str = "rollcall.dev/claim";

/// On such a Lease: which other attribute it is, compared without regard to case.
pub const ANNOTATION_CLAIMED: &str = "rollcall.dev/claimed-attribute";

/// The same where the case of letters counts.
pub const ANNOTATION_CLAIMED_EXACTLY: &str = "rollcall.dev/claimed-attribute-case-exact";

/// On the Lease of each replica that answers reads.
pub const LABEL_REPLICA: &str = "rollcall.dev/replica";

/// On that Lease: where other replicas reach it, `ip:port`.
pub const ANNOTATION_PEER_ADDRESS: &str = "rollcall.dev/peer-address";

/// Who writes `spec`: `Receiver` on objects that an identity provider pushed or adopted. Objects without it belong
/// to people (usually to Git): they are readable over SCIM and refuse SCIM writes, unless [`ANNOTATION_ADOPT`] allows
/// them.
pub const LABEL_ORIGIN: &str = "rollcall.dev/origin";

/// The value of [`LABEL_ORIGIN`] on what an identity provider pushed.
pub const ORIGIN_RECEIVER: &str = "Receiver";

/// `true`, put by people on a User or Team that they declare: the first SCIM write to it makes it the identity
/// provider's.
pub const ANNOTATION_ADOPT: &str = "rollcall.dev/adopt";

/// When the SCIM resource last changed (RFC 3339), SCIM's `meta.lastModified`.
pub const ANNOTATION_MODIFIED_AT: &str = "rollcall.dev/modified-at";

/// Put on a ScimTenant by a person: the name of a token to rotate, or `*` for all. Removed when it is done.
pub const ANNOTATION_ROTATE: &str = "rollcall.dev/rotate";

/// Put on an object by a person to confirm a deletion that removes things elsewhere: the object's own name.
pub const ANNOTATION_CONFIRM_DELETION: &str = "rollcall.dev/confirm-deletion";

/// Put on a DownstreamApp by a person to compare everything now: any new value.
pub const ANNOTATION_SYNC_NOW: &str = "rollcall.dev/sync-now";

/// Keeps a User, Team or DownstreamApp until every downstream app has revoked what it granted.
pub const FINALIZER_REVOKE: &str = "rollcall.dev/revoke";

/// The condition of a User or Team whose name another one has: it is neither served nor applied.
pub const CONDITION_NAME_CONFLICT: &str = "NameConflict";

/// The token, by its name in `spec.tokens`, that a tenant's Secret carries.
pub const LABEL_TOKEN: &str = "rollcall.dev/token";

/// Keeps a ScimTenant with `deletionPolicy: Delete` until its users and teams are gone.
pub const FINALIZER_TENANT: &str = "rollcall.dev/tenant";

/// The value of [`LABEL_ORIGIN`] on an object that only keeps an id from being used: whoever was about to create
/// it had crashed, or was so slow that its name went to somebody else. It is removed after a day.
pub const ORIGIN_PLACEHOLDER: &str = "Placeholder";

/// Written to an object so that a rename of it that is under way fails and looks again, before its claim on a name is
/// taken over.
pub const ANNOTATION_FENCED_AT: &str = "rollcall.dev/fenced-at";

/// An id is the name of an object and becomes part of the API server's URLs, so nothing else goes further: a
/// decoded `../` would name another resource. RFC 1123, as Kubernetes reads it.
pub fn is_object_name(id: &str) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let bytes = id.as_bytes();
    id.len() <= 253 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().copied().all(known)
}
