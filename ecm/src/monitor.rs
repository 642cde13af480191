//! An optional listener on loopback for whoever watches this ECM: `GET /health` and
//! `GET /metrics`.
//!
//! It speaks just enough HTTP/1.1 for a probe: one request a connection, headers read within a
//! limit of time and size, nothing else served.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{sleep, within};
use crate::metrics::Metrics;
use crate::outbox::Outbox;

/// Limit for one probe from its connection to the end of its answer.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Pause after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Longest request that is read.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Probes at the same time.
const PROBES_MAX: usize = 16;

/// Answers probes until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    outbox: Arc<Outbox>,
    shutdown: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(PROBES_MAX));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (metrics, outbox) = (Arc::clone(&metrics), Arc::clone(&outbox));
        tokio::spawn(async move {
            // A probe that fails is its own sender's trouble.
            let _ = within(PROBE_LIMIT, probe(stream, &metrics, &outbox)).await;
            drop(permit);
        });
    }
}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, permit))
}

async fn probe(mut stream: TcpStream, metrics: &Metrics, outbox: &Outbox) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let read = stream.read_buf(&mut request).await?;
        if read == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
    }
    let (status, content_type, body) = answer(&request, metrics, outbox.owed());
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn answer(request: &[u8], metrics: &Metrics, owed: usize) -> (&'static str, &'static str, String) {
    const TEXT: &str = "text/plain; charset=utf-8";
    const JSON: &str = "application/json";
    if request.starts_with(b"GET /metrics ") {
        return (
            "200 OK",
            "text/plain; version=0.0.4; charset=utf-8",
            metrics.render(owed),
        );
    }
    if request.starts_with(b"GET /health ") {
        let connected = metrics.is_connected();
        let status = if connected {
            "200 OK"
        } else {
            "503 Service Unavailable"
        };
        let body = format!("{{\"connected\":{connected},\"check_ins_owed\":{owed}}}\n");
        return (status, JSON, body);
    }
    if request.starts_with(b"GET ") {
        return (
            "404 Not Found",
            TEXT,
            "known here: /health and /metrics\n".to_owned(),
        );
    }
    (
        "405 Method Not Allowed",
        TEXT,
        "only GET is served here\n".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_the_link_and_other_paths_are_told_apart() {
        let metrics = Metrics::default();
        let status = |request: &str| answer(request.as_bytes(), &metrics, 2).0;
        assert_eq!(
            status("GET /health HTTP/1.1\r\n\r\n"),
            "503 Service Unavailable"
        );
        metrics.connected();
        assert_eq!(status("GET /health HTTP/1.1\r\n\r\n"), "200 OK");
        assert_eq!(status("GET /metrics HTTP/1.1\r\n\r\n"), "200 OK");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(
            status("POST /health HTTP/1.1\r\n\r\n"),
            "405 Method Not Allowed"
        );
        let body = answer(b"GET /health HTTP/1.1\r\n\r\n", &metrics, 2).2;
        assert_eq!(body, "{\"connected\":true,\"check_ins_owed\":2}\n");
    }
}
