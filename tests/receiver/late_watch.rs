//! A token that is used before the receiver's watch has heard of it.

use jiff::Timestamp;
use rollcall::{api::TokenSpec, store::Token};

use crate::{answer, ask, endpoint::Endpoint, gate::Passes, support::Receiver};

async fn status(tenant: &Endpoint) -> u16 {
    answer(ask("GET", tenant, "/Users").bearer_auth(&tenant.token)).await.status().as_u16()
}

#[tokio::test]
async fn a_new_token_works_at_once_though_the_watch_is_late() {
    let receiver = Receiver::start().await;
    receiver.gate().set(Passes::AllButWatches);
    let (_, tenant) = receiver.declare_tenant(TokenSpec::default(), None, false).await;
    assert_eq!(status(&tenant).await, 200);
    receiver.gate().set(Passes::Everything);
    assert_eq!(status(&tenant).await, 200);
    receiver.stop().await;
}

#[tokio::test]
async fn a_look_lets_no_stranger_and_no_expired_token_in() {
    let receiver = Receiver::start().await;
    receiver.gate().set(Passes::AllButWatches);
    let (_, tenant) = receiver.declare_tenant(TokenSpec::default(), None, false).await;
    let (_, expired) = receiver.declare_tenant(TokenSpec::default(), Some(Timestamp::now()), false).await;
    let stranger = Endpoint { token: Token::issue().unwrap().reveal().to_owned(), ..tenant.clone() };
    let nobody = Endpoint { url: tenant.url.replace("/tenant-", "/nobody-"), ..tenant.clone() };
    let climber = Endpoint { url: tenant.url.replace("/tenant-", "/%2e%2e%2f"), ..tenant.clone() };
    for refused in [&expired, &stranger, &nobody, &climber] {
        assert_eq!(status(refused).await, 401, "{}", refused.url);
    }
    assert_eq!(status(&tenant).await, 200);
    receiver.gate().set(Passes::Everything);
    receiver.stop().await;
}

#[tokio::test]
async fn an_unknown_token_is_told_to_come_back_while_its_tenant_cannot_be_read() {
    let receiver = Receiver::start().await;
    let (_, tenant) = receiver.declare_tenant(TokenSpec::default(), None, false).await;
    let stranger = Endpoint { token: Token::issue().unwrap().reveal().to_owned(), ..tenant };
    receiver.gate().set(Passes::Nothing);
    assert_eq!(status(&stranger).await, 503);
    receiver.gate().set(Passes::Everything);
    receiver.stop().await;
}
