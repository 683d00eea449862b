//! One connection of the load generator. A request is written as bytes, and of an answer no more is looked at than its
//! status and where it ends: what the load generator works, the server that shares the machine with it can't.

use std::io::{ErrorKind, Write};

use http::StatusCode;
use httparse::{EMPTY_HEADER, Status};
use hyper::body::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::load::{Ask, Failure, Server};

/// More headers than any server sends.
const HEADERS: usize = 32;

/// Room for an answer with one person.
const ROOM: usize = 16 * 1024;

/// Kept alive, with one request at a time.
pub struct Connection {
    stream: TcpStream,
    /// The headers that each request has.
    headers: String,
    request: Vec<u8>,
    answer: Vec<u8>,
    is_over: bool,
}

/// What the head of an answer says.
struct Head {
    status: StatusCode,
    /// Bytes of the head itself.
    length: usize,
    body: Body,
    is_last: bool,
}

/// How it says where the body ends.
enum Body {
    Exact(usize),
    Chunked,
}

impl Connection {
    pub async fn to(server: &Server) -> Result<Self, Failure> {
        let Server { address, authorization } = server;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let headers = format!(
            "host: {address}\r\nauthorization: {authorization}\r\ncontent-type: application/scim+json\r\n"
        );
        Ok(Self { stream, headers, request: Vec::new(), answer: Vec::with_capacity(ROOM), is_over: false })
    }

    /// Whether the server has closed it, or has said that it will.
    pub fn is_closed(&self) -> bool {
        let nothing_came = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
        self.is_over || !self.stream.try_read(&mut [0]).is_err_and(nothing_came)
    }

    /// Sends a request, and reads the whole of its answer.
    pub async fn send(&mut self, ask: &Ask) -> Result<StatusCode, Failure> {
        self.exchange(ask).await.map(|head| head.status)
    }

    /// The same, with the body.
    pub async fn read(mut self, ask: &Ask) -> Result<(StatusCode, Bytes), Failure> {
        let Head { status, length, body, .. } = self.exchange(ask).await?;
        let body = match body {
            Body::Exact(_) => self.answer.split_off(length),
            Body::Chunked => chunks(&self.answer[length..])?.unwrap_or_default(),
        };
        Ok((status, body.into()))
    }

    async fn exchange(&mut self, Ask { method, path, body }: &Ask) -> Result<Head, Failure> {
        self.request.clear();
        write!(self.request, "{method} {path} HTTP/1.1\r\n{}", self.headers)?;
        if !body.is_empty() {
            write!(self.request, "content-length: {}\r\n", body.len())?;
        }
        write!(self.request, "\r\n{body}")?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let head = loop {
            self.more().await?;
            if let Some(head) = head(&self.answer)? {
                break head;
            }
        };
        while !head.is_whole(&self.answer)? {
            self.more().await?;
        }
        self.is_over = head.is_last;
        Ok(head)
    }

    async fn more(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err("the connection ended before its answer".into()),
            _ => Ok(()),
        }
    }
}

impl Head {
    /// Whether this is the whole answer; more than that is an error.
    fn is_whole(&self, answer: &[u8]) -> Result<bool, Failure> {
        let body = &answer[self.length..];
        match self.body {
            Body::Exact(length) if body.len() > length => Err("an answer is longer than it says".into()),
            Body::Exact(length) => Ok(body.len() == length),
            Body::Chunked => chunks(body).map(|body| body.is_some()),
        }
    }
}

/// The head of an answer, once it is there.
fn head(answer: &[u8]) -> Result<Option<Head>, Failure> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let Status::Complete(length) = response.parse(answer)? else { return Ok(None) };
    let status = StatusCode::from_u16(response.code.ok_or("an answer without a status")?)?;
    let value = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| std::str::from_utf8(header.value)).transpose()
    };
    let body = match (status, value("content-length")?, value("transfer-encoding")?) {
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, ..) => Body::Exact(0),
        (_, Some(length), None) => Body::Exact(length.parse()?),
        (_, None, Some("chunked")) => Body::Chunked,
        (..) => return Err("an answer that does not say where it ends".into()),
    };
    let is_last = value("connection")?.is_some_and(|it| it.eq_ignore_ascii_case("close"));
    Ok(Some(Head { status, length, body, is_last }))
}

/// What is in the chunks of a body, once the last one is there.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let mut body = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(rest).map_err(|_| "a chunk without a size")?;
        let Status::Complete((start, size)) = size else { return Ok(None) };
        let end = start + usize::try_from(size)?;
        let Some((chunk, after)) = rest.split_at_checked(end) else { return Ok(None) };
        let Some(after) = after.strip_prefix(b"\r\n") else { return Ok(None) };
        if size == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(&chunk[start..]);
        rest = after;
    }
}
