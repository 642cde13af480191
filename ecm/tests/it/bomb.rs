//! A real gzip bomb: 64 MiB of zeros in 166 KiB, written bit by bit (RFC 1951 §3.2.6, RFC 1952).

/// Of 64 MiB of zeros.
const CRC32: u32 = 0xb2eb_30ed;
const UNPACKED_BYTES: u32 = 64 << 20;
/// The longest copy that the format has.
const COPY_BYTES: u32 = 258;

/// An HTTP answer with the bomb as its body and the header lines `more`.
pub fn answer(more: &str) -> Vec<u8> {
    let body = packed();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn packed() -> Vec<u8> {
    let mut bits = Bits::default();
    // The last block, with the fixed codes.
    bits.push(0b1, 1);
    bits.push(0b01, 2);
    // A zero, then "copy 258 bytes from one byte back" until all but a rest is written.
    let rest = (UNPACKED_BYTES - 1) % COPY_BYTES;
    for _ in 0..=rest {
        bits.code(0b0011_0000, 8);
    }
    for _ in 0..(UNPACKED_BYTES - 1) / COPY_BYTES {
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    bits.code(0, 7);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    packed.extend(bits.finish());
    packed.extend(CRC32.to_le_bytes());
    packed.extend(UNPACKED_BYTES.to_le_bytes());
    packed
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    current: u8,
    filled: u32,
}

impl Bits {
    /// Appends `count` bits of `value`, lowest first.
    fn push(&mut self, value: u32, count: u32) {
        for at in 0..count {
            self.current |= u8::from(value >> at & 1 == 1) << self.filled;
            self.filled += 1;
            if self.filled == 8 {
                self.bytes.push(std::mem::take(&mut self.current));
                self.filled = 0;
            }
        }
    }

    /// Appends a Huffman code, highest bit first.
    fn code(&mut self, value: u32, count: u32) {
        for at in (0..count).rev() {
            self.push(value >> at & 1, 1);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push(self.current);
        }
        self.bytes
    }
}
