//! Cutting an operation at each of its writes.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use crate::{
    api_proxy::Cut,
    lane::{Lane, Site},
};

/// Something that an identity provider does to a subject of its own.
pub trait Operation {
    /// Whom it is about; fresh for each attempt.
    type Subject;
    const NAME: &'static str;

    /// Makes the subject. `number` is different each time.
    async fn prepare(&self, site: &Site, number: usize) -> Self::Subject;

    /// Does it, until it is acknowledged.
    async fn act(&self, site: &Site, subject: &Self::Subject);

    /// Looks after a crash, before the identity provider tries again: everything is old or everything is new.
    async fn look(&self, site: &Site, subject: &Self::Subject);

    /// Waits until the app agrees.
    async fn settle(&self, site: &Site, subject: &Self::Subject);

    /// Looks at what has come of it, and that it can still be changed and deleted.
    async fn check(&self, site: &Site, subject: &Self::Subject);
}

/// How much of the operator's log is shown when an attempt fails.
const LOG_LINES: usize = 60;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Cut,
    /// There were fewer writes.
    Through,
}

/// Cuts the operation at its first write, at its second, and so on until it has no more.
pub async fn everywhere<O: Operation>(mut lane: Lane, operation: O) -> Lane {
    let mut number = 0;
    for cut in [Cut::Kill, Cut::TimeOut] {
        for write in 1.. {
            let attempt = AssertUnwindSafe(attempt(&mut lane, &operation, number, (write, cut)));
            let ended = attempt.catch_unwind().await.unwrap_or_else(|panic| {
                let (writes, log) = (lane.site.proxy.writes(), lane.operator.log());
                let tail: Vec<&str> = log.lines().rev().take(LOG_LINES).collect();
                eprintln!("{}, {cut:?} at write {write} of {writes:#?}", O::NAME);
                eprintln!("the operator's log, the last line first:\n{}", tail.join("\n"));
                std::panic::resume_unwind(panic)
            });
            number += 1;
            if ended == End::Through {
                assert!(write > 1, "{} has written nothing", O::NAME);
                eprintln!("{}, {cut:?} at each of {} writes", O::NAME, write - 1);
                break;
            }
        }
    }
    lane
}

async fn attempt<O: Operation>(lane: &mut Lane, operation: &O, number: usize, at: (usize, Cut)) -> End {
    let subject = operation.prepare(&lane.site, number).await;
    lane.site.proxy.cut_at(at.0, at.1);
    let work = async {
        operation.act(&lane.site, &subject).await;
        operation.settle(&lane.site, &subject).await;
    };
    let mut work = std::pin::pin!(work);
    let acknowledged = tokio::select! {
        () = &mut work => true,
        () = lane.site.proxy.cut() => false,
    };
    let end = if lane.site.proxy.let_be() { End::Cut } else { End::Through };
    if end == End::Cut && at.1 == Cut::Kill {
        lane.site.up.send_replace(false);
        lane.operator.kill();
        lane.site.proxy.renew();
        lane.operator.launch().await;
        operation.look(&lane.site, &subject).await;
        lane.site.up.send_replace(true);
        if !acknowledged {
            work.await;
        }
    }
    lane.site.auditor.every_name_is_claimed().await;
    operation.check(&lane.site, &subject).await;
    end
}
