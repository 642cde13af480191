//! How header names are spelled on HTTP/1.1, where a vendor's server does not write them in title
//! case: `X-AspNet-Version`, `WWW-Authenticate`.
//!
//! The HTTP library writes names as a proxy received them, and has no other way to be told. So a
//! response with the wanted names is read once, in memory, and what the library remembers of it
//! goes along with every response.

use bytes::Bytes;
use http::Extensions;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What most responses have. In title case as well, but remembered a name need not be made.
const USUAL: [&str; 5] = [
    "Content-Type",
    "Content-Length",
    "Cache-Control",
    "Server",
    "X-Powered-By",
];

/// The library's memory of these names; empty when there are none.
pub(super) async fn remembered(names: &[&str]) -> Extensions {
    if names.is_empty() {
        return Extensions::new();
    }
    read_once(names).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "header names will be in title case");
        Extensions::new()
    })
}

async fn read_once(names: &[&str]) -> hyper::Result<Extensions> {
    let (near, mut far) = tokio::io::duplex(4096);
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.preserve_header_case(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(near)).await?;
    let mut text = String::from("HTTP/1.1 204 No Content\r\n");
    for name in USUAL.iter().chain(names) {
        text.push_str(name);
        text.push_str(": 0\r\n");
    }
    text.push_str("\r\n");
    let exchange = async {
        let request = hyper::Request::new(Empty::<Bytes>::new());
        let answering = async {
            // A response to nothing would be an error: the request comes first.
            let mut request = [0; 512];
            let _ = far.read(&mut request).await;
            let _ = far.write_all(text.as_bytes()).await;
        };
        tokio::join!(sender.send_request(request), answering).0
    };
    tokio::select! {
        response = exchange => Ok(response?.into_parts().0.extensions),
        ended = connection => {
            ended?;
            Ok(Extensions::new())
        }
    }
}
