//! Encodings as .NET names and reads them. Where the web's reading of a label differs - Latin-1 is
//! windows-1252 there - the platform's counts.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1254};
use oem_cp::code_table::DECODING_TABLE_CP_MAP;
use oem_cp::code_table_type::TableType;

/// An encoding.
#[derive(Clone, Copy)]
pub(super) enum Charset {
    /// One that the web reads as the platform does.
    Web(&'static Encoding),
    /// Seven bits; everything else is a question mark.
    Ascii,
    /// ISO-8859-1: each byte is the character of that number.
    Latin1,
    /// ISO-8859-9: like this encoding, but with control characters from 0x80 to 0x9f.
    Latin5(&'static Encoding),
    /// An OEM code page.
    Oem(&'static TableType),
    /// UTF-32.
    Utf32 { is_big_endian: bool },
}

impl Charset {
    pub(super) const UTF_8: Self = Self::Web(UTF_8);

    /// By its label in any case; `None` when the platform does not know it. UTF-7 and EBCDIC, which
    /// it does know, are not read here.
    pub(super) fn of(label: &str) -> Option<Self> {
        let label = label.trim();
        if label.eq_ignore_ascii_case("utf-8") {
            return Some(Self::UTF_8);
        }
        let has = |part: &str| contains_any_case(label, part);
        if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
            return Some(match encoding {
                encoding if encoding == REPLACEMENT => return None,
                encoding if encoding == WINDOWS_1252 && !has("1252") => {
                    if has("ascii") || has("x3.4") {
                        Self::Ascii
                    } else {
                        Self::Latin1
                    }
                }
                encoding if encoding == WINDOWS_1254 && !has("1254") => Self::Latin5(encoding),
                encoding => Self::Web(encoding),
            });
        }
        for (name, is_big_endian) in [("utf-32", false), ("utf-32le", false), ("utf-32be", true)] {
            if label.eq_ignore_ascii_case(name) {
                return Some(Self::Utf32 { is_big_endian });
            }
        }
        let digits = label.trim_start_matches(|character: char| !character.is_ascii_digit());
        let prefix = &label[..label.len() - digits.len()];
        if !["ibm", "cp", "dos-", ""]
            .iter()
            .any(|known| prefix.eq_ignore_ascii_case(known))
        {
            return None;
        }
        let number: u16 = digits.parse().ok()?;
        DECODING_TABLE_CP_MAP.get(&number).map(Self::Oem)
    }

    /// By a byte order mark, with the mark's length.
    pub(super) fn of_mark(body: &[u8]) -> Option<(Self, usize)> {
        match body {
            [0xff, 0xfe, 0, 0, ..] => Some((
                Self::Utf32 {
                    is_big_endian: false,
                },
                4,
            )),
            [0, 0, 0xfe, 0xff, ..] => Some((
                Self::Utf32 {
                    is_big_endian: true,
                },
                4,
            )),
            _ => Encoding::for_bom(body).map(|(encoding, length)| (Self::Web(encoding), length)),
        }
    }

    /// By how many bytes the first `<` takes, when it is more than one.
    pub(super) fn of_first_bytes(body: &[u8]) -> Option<Self> {
        match body {
            [b'<', 0, 0, 0, ..] => Some(Self::Utf32 {
                is_big_endian: false,
            }),
            [0, 0, 0, b'<', ..] => Some(Self::Utf32 {
                is_big_endian: true,
            }),
            [b'<', 0, ..] => Some(Self::Web(UTF_16LE)),
            [0, b'<', ..] => Some(Self::Web(UTF_16BE)),
            _ => None,
        }
    }

    /// Whether a character takes more than one byte at least.
    pub(super) fn is_wide(self) -> bool {
        match self {
            Self::Web(encoding) => encoding == UTF_16LE || encoding == UTF_16BE,
            Self::Utf32 { .. } => true,
            _ => false,
        }
    }

    /// The text; `None` when a byte does not fit.
    pub(super) fn exact(self, body: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Web(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(body)
            }
            Self::Oem(table) => table.decode_string_checked(body).map(Cow::Owned),
            Self::Utf32 { is_big_endian } => {
                let text: Option<String> = utf32(body, is_big_endian).collect();
                text.map(Cow::Owned)
            }
            Self::Ascii | Self::Latin1 | Self::Latin5(_) => Some(self.replacing(body)),
        }
    }

    /// The text, with something else where a byte does not fit.
    pub(super) fn replacing(self, body: &[u8]) -> Cow<'_, str> {
        let by_byte = |map: fn(u8) -> char| body.iter().copied().map(map).collect();
        match self {
            Self::Web(encoding) => encoding.decode_without_bom_handling(body).0,
            Self::Oem(table) => Cow::Owned(table.decode_string_lossy(body)),
            Self::Ascii => Cow::Owned(by_byte(|byte| {
                if byte.is_ascii() {
                    char::from(byte)
                } else {
                    '?'
                }
            })),
            Self::Latin1 => Cow::Owned(by_byte(char::from)),
            Self::Latin5(encoding) => {
                let mut text = String::with_capacity(body.len());
                for &byte in body {
                    if byte < 0xa0 {
                        text.push(char::from(byte));
                    } else {
                        text.push_str(&encoding.decode_without_bom_handling(&[byte]).0);
                    }
                }
                Cow::Owned(text)
            }
            Self::Utf32 { is_big_endian } => {
                let characters = utf32(body, is_big_endian);
                Cow::Owned(characters.map(|one| one.unwrap_or('\u{fffd}')).collect())
            }
        }
    }
}

fn utf32(body: &[u8], is_big_endian: bool) -> impl Iterator<Item = Option<char>> {
    body.chunks(4).map(move |unit| {
        let unit: [u8; 4] = unit.try_into().ok()?;
        char::from_u32(if is_big_endian {
            u32::from_be_bytes(unit)
        } else {
            u32::from_le_bytes(unit)
        })
    })
}

fn contains_any_case(text: &str, part: &str) -> bool {
    text.as_bytes()
        .windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}
