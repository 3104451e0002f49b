//! The bytes of superseded members, found after the fact.
//!
//! Redaction must know every byte that no row represents. An object with duplicates is rare, so nothing is kept while
//! members are read; when such an object ends, it is gone through once more.

use super::gaps::Members;
use super::reader::{Fatal, Reader};
use crate::batch::ByteRange;
use crate::json::Cursor;
use crate::schema::{Field, Message, Resemblance};

impl Reader<'_> {
    /// Leaves every member of the object that just ended, which began at `members.start`, to the residue if a later one
    /// replaced it.
    #[cold]
    pub(super) fn leave_out_duplicates(&mut self, members: &Members) -> Result<(), Fatal> {
        let mut last: [ByteRange; 64] = [ByteRange::default(); 64];
        let mut cursor = Cursor::over(self.cursor.slice(0, self.cursor.at), members.start, true);
        cursor.simd = self.cursor.simd;
        cursor.anomalies = std::mem::take(&mut self.cursor.anomalies);
        cursor.open()?;
        let mut first = true;
        while cursor.next_item(first, b'}')? {
            first = false;
            let start = cursor.at;
            let raw = cursor.string()?;
            cursor.colon()?;
            let null = cursor.peek() == Some(b'n');
            cursor.skip()?;
            let strict = self.strict;
            let Some(field) = self.with_content(raw, |name| field_of(members.message, name, strict)) else {
                continue;
            };
            let range = ByteRange::new(start, cursor.at);
            // The members of an AnyValue are one of a kind, and null leaves what was there.
            let slot = match members.message {
                Message::AnyValue if field == Field::StringValueStrindex => continue,
                Message::AnyValue if null => {
                    self.batch.residue.push(range);
                    continue;
                }
                Message::AnyValue => Field::StringValue,
                _ => field,
            };
            if let Some(slot) = last.get_mut(slot as usize) {
                let earlier = std::mem::replace(slot, range);
                if !earlier.is_empty() {
                    self.batch.residue.push(earlier);
                }
            }
        }
        self.cursor.anomalies = cursor.anomalies;
        self.cursor.anomalies.clear();
        Ok(())
    }
}

/// The field that a member was read as. Strict mode reads none under another name: those are in the residue already.
fn field_of(message: Message, name: &[u8], strict: bool) -> Option<Field> {
    if let Some(field) = message.field(name) {
        return Some(field);
    }
    message.resembles(name).filter(|_| !strict).map(Resemblance::field)
}
