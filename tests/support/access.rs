//! Asks the API server who may do what.

use rollcall_dev::{ControlPlane, Error};

/// Whether `kubectl auth can-i <question>` says yes for this user. A question that is not understood is a failure
/// of the test, never a "no".
pub fn can(plane: &ControlPlane, user: &str, question: &str) -> bool {
    let user = format!("--as={user}");
    let words: Vec<&str> = ["auth", "can-i", &user].into_iter().chain(question.split(' ')).collect();
    match plane.kubectl(&words) {
        Ok(answer) => answer.trim() == "yes",
        Err(Error::Kubectl { status, stderr, .. }) => {
            // "No" is the exit status 1, and nothing is wrong then.
            assert!(status.code() == Some(1) && !stderr.contains("rror"), "can-i {question}: {stderr}");
            false
        }
        Err(error) => panic!("can-i {question}: {error}"),
    }
}
