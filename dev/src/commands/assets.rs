//! `rollcall-dev assets`: finds or builds the programs, and prints where they are.

use rollcall_dev::assets::{self, Assets};

use super::error::CommandError;

pub(crate) fn run() -> Result<(), CommandError> {
    let Assets { etcd, kube_apiserver, kube_controller_manager, kubectl, helm } = assets::locate()?;
    for path in [etcd, kube_apiserver, kube_controller_manager, kubectl, helm] {
        println!("{}", path.display());
    }
    Ok(())
}
