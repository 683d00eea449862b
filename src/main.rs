//! Parses arguments and dispatches; everything else lives in the library.

fn main() {
    for crd in rollcall::api::crds() {
        let yaml = serde_saphyr::to_string(&crd).unwrap_or_default();
        println!("---\n{yaml}");
    }
}
