//! Rules of message queues: filters and the description of payloads.

use super::Context;
use crate::document::join;
use crate::feature::queues::{Protobuf, Queues};
use crate::problem::{Code, Problem};

const QUEUES: &str = "/feature/split_queues";

pub(super) fn check(queues: &Queues, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let is_list = matches!(queues, Queues::Listed(_));
    for (index, (name, queue)) in queues.iter().enumerate() {
        let pointer = match name.filter(|_| !is_list) {
            Some(name) => join(QUEUES, name),
            None => join(QUEUES, &index.to_string()),
        };
        let mut empty = |pointer: String| {
            let problem = context.deletable(Code::FilterEmpty, &pointer, "an empty filter");
            problems.push(problem.help("delete it"));
        };
        if queue.jq_filter.as_deref() == Some("") {
            empty(join(&pointer, "jq_filter"));
        }
        for (attribute, _) in queue.message_filter.iter().filter(|(_, pattern)| pattern.is_empty()) {
            empty(join(&join(&pointer, "message_filter"), attribute));
        }
        if let Some(protobuf) = &queue.payload_protobuf {
            self::protobuf(protobuf, &join(&pointer, "payload_protobuf"), context, problems);
        }
    }
}

fn protobuf(protobuf: &Protobuf, pointer: &str, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Protobuf { message_type, schema_file, include_directories, descriptor_base64 } = protobuf;
    if !context.is_known(pointer) {
        return;
    }
    let mut push = |key: Option<&str>, message: &str, help: &str| {
        let problem = match key {
            Some(key) => context.deletable(Code::QueueProtobuf, &join(pointer, key), message),
            None => context.problem(Code::QueueProtobuf, pointer, message),
        };
        problems.push(problem.help(help));
    };
    match (schema_file, descriptor_base64) {
        (None, None) => push(None, "nothing describes the payload", "write `schema_file` or `descriptor_base64`"),
        (Some(_), Some(_)) => push(Some("descriptor_base64"), "the payload is described twice", "keep one"),
        (Some(_), None) => {}
        (None, Some(descriptor)) => {
            if !include_directories.is_empty() {
                push(Some("include_directories"), "only `schema_file` has imports", "delete it");
            }
            if let Some(reason) = unusable(descriptor) {
                let problem = context.problem(Code::QueueProtobuf, &join(pointer, "descriptor_base64"), reason);
                problems.push(problem.help("write what `protoc --descriptor_set_out` makes, in base64"));
                return;
            }
        }
    }
    if message_type.as_deref().unwrap_or_default().is_empty() {
        let problem = context.problem(Code::QueueProtobuf, pointer, "which message the payload is, is not said");
        problems.push(problem.help("write `message_type`"));
    }
}

/// Why `text` is not a descriptor set, `FileDescriptorSet` of `descriptor.proto`: records of field 1 and nothing else.
/// One that is compressed is not looked into.
fn unusable(text: &str) -> Option<&'static str> {
    let Some(bytes) = base64(text) else { return Some("this is not base64") };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    let mut rest = bytes.as_slice();
    while let [tag, after @ ..] = rest {
        let record = (*tag == 0x0a).then(|| length(after)).flatten();
        let Some((length, after)) = record.filter(|(length, after)| *length <= after.len()) else {
            return Some("this is not a descriptor set");
        };
        rest = &after[length..];
    }
    bytes.is_empty().then_some("this descriptor set is empty")
}

/// A varint and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((length, &bytes[index + 1..]));
        }
    }
    None
}

/// The bytes that `text` stands for, with or without padding. RFC 4648, section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut buffer, mut bits) = (0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(value)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [("", &b""[..]), ("Zg==", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("/+8=", &[255, 239])] {
            assert_eq!(base64(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Z", "Zm9v====", "Zm 9", "Zm9vé"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }

    #[test]
    fn descriptor_sets_are_told_from_other_bytes() {
        assert_eq!(unusable("CgtvcmRlci5wcm90bw=="), None);
        assert_eq!(unusable("H4sIAAAAAAAA"), None, "compressed");
        assert_eq!(unusable("////"), Some("this is not a descriptor set"));
        assert_eq!(unusable("CgtvcmRl"), Some("this is not a descriptor set"), "cut off");
        assert_eq!(unusable("Cv////8P"), Some("this is not a descriptor set"), "a length beyond the end");
        assert_eq!(unusable(""), Some("this descriptor set is empty"));
        assert_eq!(unusable("?"), Some("this is not base64"));
    }
}
