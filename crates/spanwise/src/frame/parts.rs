//! A document that is too large to be held, cut between the elements of its lists of resources, scopes and spans.
//!
//! A part is a document of its own: what is open where it begins is opened again before it, with the members that its spans
//! depend on (resource, scope, schema URLs), and what is open where it ends is closed behind it. So the decoder of a part needs
//! to know little ([`Part`]): which bytes are not its own, and how the elements before it are counted.
//!
//! What a part needs may stand behind it: a `resource` after its `scopeSpans`. Whoever can read the stream twice lets a
//! [`Survey`](super::Survey) look first; otherwise a part is held back for some time, and what then contradicts the parts that
//! were given is a [`Contradiction`](super::Contradiction).

use bytes::Bytes;

use super::boundary::Rules;
use crate::json::{Cursor, JsonError, RawString, Skip, UNDECIDED, escape};
use crate::schema::{Field, Message, Resemblance};

/// What the decoder of a part must know of its document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// Bytes before and behind it that are not its own.
    pub(crate) before: usize,
    pub(crate) behind: usize,
    /// How many elements came before it in each list that is open where it begins, the outermost first.
    pub(crate) indices: [u32; 3],
    /// The document ends with it.
    pub(crate) ends: bool,
    /// What stands between it and the next part: a comma, and white space. Or the white space behind the last part.
    pub(crate) gap: Bytes,
}

/// An object that is open.
#[derive(Debug, Clone)]
struct Object {
    message: Message,
    /// Where it begins in the stream.
    begin: u64,
    first: bool,
    /// Bits of the members that were met.
    seen: u64,
    /// Members that spans depend on, as they stand in the text, name and value.
    carried: Vec<(Field, Vec<u8>)>,
    /// The name under which its list of further messages was opened, with its quotes.
    list: Option<Vec<u8>>,
    /// Parts of its list were given.
    given: bool,
}

#[derive(Debug, Clone)]
enum Level {
    Object(Object),
    /// A list, and how many of its elements have begun.
    List(u32),
}

/// What is expected next.
#[derive(Debug, Clone)]
enum Next {
    /// The document's first byte.
    Document,
    /// In the innermost level: an item or its end.
    Item,
    /// The element that stands here.
    Element,
    /// The end of a value; one that is carried began at an index of the text, under a name.
    Value(Skip, Option<(Field, Vec<u8>, usize)>),
}

/// How far the reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// More text is needed.
    More,
    /// What stands before `end` may be a part, and the next begins at `next`.
    Cut { end: usize, next: usize },
    /// The document ends here.
    Done(usize),
}

/// Why the reading does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// It is no JSON.
    Json(JsonError),
    /// It is laid out so that it cannot be cut.
    Shape,
    /// What stands at this index changes what parts that were given depended on.
    Contradiction(usize),
}

/// The sizes of parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartSizes {
    /// A part ends at the first element from there on; or where it is as long as what is put before it, so that what all parts
    /// share is not most of them.
    pub(super) block: usize,
    /// How long a part is held back while resource and scope are not known.
    pub(super) held: usize,
}

/// The members of objects that come when parts of the object's list were given: by where the object begins.
pub(super) type Late = Vec<(u64, Vec<u8>)>;

/// What a document is walked through for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Parts,
    /// To note what comes late.
    Survey,
    /// It is known to be no JSON, and passed over as far as its fault: what else is odd in it does not count.
    Passing,
}

/// Reads a document and says where it may be cut. Indices are into the text that is held, which begins with the current part.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    rules: Rules,
    sizes: PartSizes,
    levels: Vec<Level>,
    next: Next,
    at: usize,
    /// Put before the current part.
    prefix: Vec<u8>,
    indices: [u32; 3],
    /// What a survey found; none where there was none.
    late: Option<Late>,
    purpose: Purpose,
    /// Spans that begin in the current part, and in those before it.
    begun: u64,
    spans: u64,
    /// A part was given.
    pub(super) given: bool,
    ended: bool,
}

impl Parts {
    /// Of a document that begins at the index `at`.
    pub(super) fn new(rules: Rules, sizes: PartSizes, at: usize, late: Option<Late>) -> Self {
        Self {
            rules,
            sizes,
            levels: Vec::new(),
            next: Next::Document,
            at,
            prefix: Vec::new(),
            indices: [0; 3],
            late,
            purpose: Purpose::Parts,
            begun: 0,
            spans: 0,
            given: false,
            ended: false,
        }
    }

    /// The same for a first reading, which notes what comes late.
    pub(super) fn survey(rules: Rules, sizes: PartSizes, at: usize) -> Self {
        Self { purpose: Purpose::Survey, ..Self::new(rules, sizes, at, Some(Late::new())) }
    }

    /// The same of a document that a survey found to be bad.
    pub(super) fn of_bad(rules: Rules, sizes: PartSizes, at: usize) -> Self {
        Self { purpose: Purpose::Passing, ..Self::new(rules, sizes, at, Some(Late::new())) }
    }

    /// What came late.
    pub(super) fn take_late(&mut self) -> Late {
        self.late.take().unwrap_or_default()
    }

    /// Reads on. `offset` is where the text begins in its stream; `last`: no more will come.
    pub(super) fn step(&mut self, text: &[u8], offset: u64, last: bool) -> Result<Step, Halt> {
        if self.ended {
            return Ok(Step::Done(self.at));
        }
        loop {
            let mut cursor = self.rules.cursor(text, self.at, Vec::new());
            cursor.depth = self.levels.len();
            if let Next::Value(skip, carried) = &mut self.next {
                let done = skip.resume(&mut cursor, last);
                self.at = cursor.at;
                if !done.map_err(Halt::Json)? {
                    return Ok(Step::More);
                }
                if let Some((field, name, from)) = carried.take() {
                    self.carry(field, &name, text.get(from..cursor.at).unwrap_or_default());
                }
                self.next = Next::Item;
                continue;
            }
            let before = self.at;
            let result = match self.levels.last() {
                None => self.document(&mut cursor, offset, last),
                Some(Level::Object(_)) => self.member(&mut cursor),
                Some(Level::List(_)) if matches!(self.next, Next::Element) => {
                    self.element(&mut cursor, offset);
                    Ok(())
                }
                Some(Level::List(_)) => match cursor.next_item(self.is_first(), b']') {
                    Ok(true) => {
                        self.at = cursor.at;
                        self.next = Next::Element;
                        if cursor.peek() == Some(b'{') && self.is_cut(cursor.at) {
                            return Ok(Step::Cut { end: before, next: cursor.at });
                        }
                        continue;
                    }
                    Ok(false) => {
                        self.levels.pop();
                        Ok(())
                    }
                    Err(error) => Err(Halt::Json(error)),
                },
            };
            match result {
                Ok(()) => self.at = cursor.at,
                Err(Halt::Json(error)) if !last && error.offset.saturating_add(UNDECIDED) > text.len() => {
                    return Ok(Step::More);
                }
                Err(halt) => return Err(halt),
            }
            if self.levels.is_empty() {
                self.ended = true;
                return Ok(Step::Done(self.at));
            }
        }
    }

    fn is_first(&self) -> bool {
        matches!(self.levels.last(), Some(Level::List(0)))
    }

    fn document(&mut self, cursor: &mut Cursor<'_>, offset: u64, last: bool) -> Result<(), Halt> {
        match cursor.white() {
            Some(b'{') => self.open(cursor, Message::Request, offset),
            None if !last => cursor.unexpected().map_err(Halt::Json),
            _ => Err(Halt::Shape),
        }
    }

    fn open(&mut self, cursor: &mut Cursor<'_>, message: Message, offset: u64) -> Result<(), Halt> {
        let begin = offset.saturating_add(cursor.at as u64);
        cursor.open().map_err(Halt::Json)?;
        let (carried, list) = (Vec::new(), None);
        let object = Object { message, begin, first: true, seen: 0, carried, list, given: false };
        self.levels.push(Level::Object(object));
        self.next = Next::Item;
        Ok(())
    }

    /// Reads up to the value of the next member, or the end of the object.
    fn member(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Halt> {
        let outside = self.levels.len();
        let Some(Level::Object(object)) = self.levels.last_mut() else { return Ok(()) };
        if !cursor.next_item(object.first, b'}').map_err(Halt::Json)? {
            self.levels.pop();
            self.next = Next::Item;
            return Ok(());
        }
        let start = cursor.at;
        let name = cursor.string().map_err(Halt::Json)?;
        let quoted = cursor.slice(start, cursor.at);
        cursor.colon().map_err(Halt::Json)?;
        let Some(byte) = cursor.white() else { return cursor.unexpected().map_err(Halt::Json) };
        object.first = false;
        let message = object.message;
        let field = field(self.rules.strict, message, cursor, name);
        let list = match message {
            Message::Request => Field::ResourceSpans,
            Message::ResourceSpans => Field::ScopeSpans,
            _ => Field::Spans,
        };
        let is_bare = message == Message::Request
            && matches!(field, Some(Field::Resource | Field::ScopeSpans | Field::SchemaUrl));
        let (surveys, passes) = (self.purpose == Purpose::Survey, self.purpose == Purpose::Passing);
        if is_bare && object.list.is_none() && !passes {
            return Err(Halt::Shape);
        }
        let matters = message != Message::Request
            && matches!(field, Some(Field::Resource | Field::Scope | Field::SchemaUrl))
            || field == Some(list);
        let bit = field.map_or(0, Field::bit);
        let again = object.seen & bit != 0 && field != Some(list);
        object.seen |= bit;
        // A later part does not have the first one, so would not find that there are two. Of those that its spans depend on it
        // has the last one, which cannot tell of faults in the first.
        if again && (message == Message::Request || !object.given) && !passes {
            let cannot_wait = object.given && !surveys;
            return Err(if cannot_wait { Halt::Contradiction(start) } else { Halt::Shape });
        }
        // Writers that follow the order of the schema put the URL last: too common, and of too little weight, to fail for.
        let is_light = field == Some(Field::SchemaUrl) && matches!(byte, b'"' | b'n');
        if matters && object.given && (self.late.is_none() && !is_light || field == Some(list)) && !passes {
            return Err(Halt::Contradiction(start));
        }
        if field == Some(list) && !matches!(byte, b'[' | b'n') && !passes {
            // A fault of the object, and so of all its spans.
            return Err(Halt::Shape);
        }
        if field == Some(list) && byte == b'[' {
            object.list = Some(quoted.to_vec());
            cursor.open().map_err(Halt::Json)?;
            self.levels.push(Level::List(0));
            return Ok(());
        }
        let carried =
            field.filter(|field| matters && *field != list).map(|field| (field, quoted.to_vec(), cursor.at));
        self.next = Next::Value(Skip::new(outside), carried);
        Ok(())
    }

    fn element(&mut self, cursor: &mut Cursor<'_>, offset: u64) {
        let outside = self.levels.len();
        if let Some(Level::List(count)) = self.levels.last_mut() {
            *count = count.saturating_add(1);
        }
        let message = match outside {
            2 => Message::ResourceSpans,
            4 => Message::ScopeSpans,
            _ => {
                self.begun += 1;
                self.next = Next::Value(Skip::new(outside), None);
                return;
            }
        };
        // Where it cannot be opened, reading past it says why.
        if cursor.peek() != Some(b'{') || self.open(cursor, message, offset).is_err() {
            self.next = Next::Value(Skip::new(outside), None);
        }
    }

    fn carry(&mut self, field: Field, name: &[u8], value: &[u8]) {
        let Some(Level::Object(object)) = self.levels.last_mut() else { return };
        let member = [name, b":", value].concat();
        if !object.given {
            object.carried.retain(|(other, _)| *other != field);
            object.carried.push((field, member));
        } else if self.purpose == Purpose::Survey
            && let Some(late) = &mut self.late
        {
            late.push((object.begin, member));
        }
    }

    /// Whether to cut before the element at `at`.
    fn is_cut(&self, at: usize) -> bool {
        at >= self.sizes.block.max(self.prefix.len()).max(1)
            && (self.late.is_some()
                || at >= self.sizes.held
                || self.levels.iter().all(|level| match level {
                    Level::List(_) => true,
                    Level::Object(object) => object.given || object.is_known(),
                }))
    }

    /// Begins the next part, and gives the one that ends: what is put before it and behind it.
    pub(super) fn cut(&mut self, next: usize) -> (Vec<u8>, Vec<u8>, Part) {
        let behind = self.behind();
        let before = std::mem::take(&mut self.prefix);
        let part = Part {
            before: before.len(),
            behind: behind.len(),
            indices: std::mem::take(&mut self.indices),
            ..Part::default()
        };
        self.spans += std::mem::take(&mut self.begun);
        let lists = self.levels.iter().filter(|level| matches!(level, Level::List(_))).count();
        let mut list = 0;
        for level in &mut self.levels {
            match level {
                Level::Object(object) => {
                    object.given = true;
                    self.prefix.push(b'{');
                    for (_, member) in &object.carried {
                        self.prefix.extend_from_slice(member);
                        self.prefix.push(b',');
                    }
                    self.prefix.extend_from_slice(object.list.as_deref().unwrap_or_default());
                    self.prefix.push(b':');
                }
                Level::List(count) => {
                    self.prefix.push(b'[');
                    list += 1;
                    if let Some(index) = self.indices.get_mut(list - 1) {
                        // The element that is open stands in the prefix.
                        *index = count.saturating_sub(u32::from(list < lists));
                    }
                }
            }
        }
        self.shift(next);
        (before, behind, part)
    }

    /// Where the reading goes on.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Spans in the parts that were given.
    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// Ends the document: what is put before its last part.
    pub(super) fn end(&mut self) -> (Vec<u8>, Part) {
        let before = std::mem::take(&mut self.prefix);
        let part = Part { before: before.len(), indices: self.indices, ends: true, ..Part::default() };
        (before, part)
    }

    /// What closes all that is open.
    fn behind(&self) -> Vec<u8> {
        let mut behind = Vec::new();
        for level in self.levels.iter().rev() {
            match level {
                Level::List(_) => behind.push(b']'),
                Level::Object(object) => {
                    let late = self.late.iter().flatten().filter(|_| self.purpose != Purpose::Survey);
                    for (_, member) in late.filter(|(begin, _)| *begin == object.begin) {
                        behind.push(b',');
                        behind.extend_from_slice(member);
                    }
                    behind.push(b'}');
                }
            }
        }
        behind
    }

    /// Bytes were taken away from the text's beginning.
    fn shift(&mut self, from: usize) {
        self.at = self.at.saturating_sub(from);
        if let Next::Value(skip, _) = &mut self.next {
            skip.shift(from);
        }
        self.given = true;
    }
}

impl Object {
    /// Whether it has what its spans depend on.
    fn is_known(&self) -> bool {
        let wanted = match self.message {
            Message::Request => return true,
            Message::ResourceSpans => Field::Resource,
            _ => Field::Scope,
        };
        self.carried.iter().any(|(field, _)| *field == wanted)
    }
}

/// The field of a message that the decoder takes a name for.
fn field(strict: bool, message: Message, cursor: &Cursor<'_>, name: RawString) -> Option<Field> {
    let mut plain = Vec::new();
    let content = cursor.slice(name.start, name.end);
    let content = if name.escaped || name.broken {
        escape::unescape_into(content, &mut plain);
        &plain
    } else {
        content
    };
    let is_signal =
        |field| matches!(field, Field::ResourceLogs | Field::ResourceMetrics | Field::ResourceProfiles);
    let resembled = || message.resembles(content).map(Resemblance::field);
    message.field(content).or_else(|| resembled().filter(|field| !strict || is_signal(*field)))
}
