//! What a DNS message asks for (RFC 1035, 4.1): just enough of it to decide who answers.

/// Length of the header: identifier, flags, four counts.
const HEADER: usize = 12;

/// Longest name in a message, in bytes (RFC 1035, 3.1).
const NAME_LIMIT: usize = 255;

/// Longest label; greater numbers are pointers, which the first name of a message has no use for.
const LABEL_LIMIT: u8 = 63;

/// Type and class behind the name.
const TAIL: usize = 4;

/// `QR` of the header's third byte, and the bits of it that an answer keeps (kind of query, recursion desired).
const IS_ANSWER: u8 = 0x80;
const KEPT: u8 = 0x79;

/// The header's fourth byte: the server has failed.
const SERVER_FAILURE: u8 = 2;

/// The first question of a message.
pub(super) struct Question {
    /// The name, its labels joined with dots, without a final one.
    pub(super) name: String,
    /// Where the question ends in the message.
    end: usize,
}

impl Question {
    /// Nothing when the message is no question.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        if message.len() < HEADER || message[2] & IS_ANSWER != 0 || message[4..6] == [0, 0] {
            return None;
        }
        let mut labels = Vec::new();
        let mut at = HEADER;
        loop {
            let len = *message.get(at)?;
            at += 1;
            if len == 0 {
                break;
            }
            let next = at + usize::from(len);
            if len > LABEL_LIMIT || next - HEADER > NAME_LIMIT {
                return None;
            }
            labels.push(String::from_utf8_lossy(message.get(at..next)?).into_owned());
            at = next;
        }
        let end = at + TAIL;
        (end <= message.len()).then(|| Self { name: labels.join("."), end })
    }

    /// Whether the name reads like an address: rules for names say nothing about it.
    pub(super) fn is_numeric(&self) -> bool {
        self.name.parse::<std::net::IpAddr>().is_ok()
    }

    /// The answer that the server has failed: the program asks the next one.
    pub(super) fn failure(&self, message: &[u8]) -> Vec<u8> {
        let mut answer = message[..self.end].to_vec();
        answer[2] = answer[2] & KEPT | IS_ANSWER;
        answer[3] = SERVER_FAILURE;
        answer[4..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &[u8]) -> Vec<u8> {
        let header = [9, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        [&header, name, &[0, 1, 0, 1], &[0, 0, 41]].concat()
    }

    #[test]
    fn names_are_read_and_failures_keep_the_question() {
        let query = message(b"\x02db\x04shop\0");
        let question = Question::read(&query).expect("a question");
        assert_eq!(question.name, "db.shop");
        assert!(!question.is_numeric());
        let failure = question.failure(&query);
        assert_eq!(failure, [&[9, 9, 0x81, 2, 0, 1, 0, 0, 0, 0, 0, 0], &query[12..query.len() - 3]].concat());
    }

    #[test]
    fn nonsense_is_no_question() {
        for name in [&b"\x40"[..], b"\xc0\x0c", b"\x05ab", b"\x02ab"] {
            assert!(Question::read(&message(name)[..12 + name.len()]).is_none(), "{name:?}");
        }
        let long = b"\x3f".iter().chain(&[b'a'; 63]).copied().collect::<Vec<u8>>().repeat(5);
        assert!(Question::read(&message(&[&long[..], b"\0"].concat())).is_none());
        assert!(Question::read(&[0; 11]).is_none());
        let mut answer = message(b"\0");
        answer[2] |= IS_ANSWER;
        assert!(Question::read(&answer).is_none());
    }
}
