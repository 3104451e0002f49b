//! The search for places to cut: a machine over the text that is held, which goes on where it stopped when there is more.

use std::fmt;

use super::boundary::{
    BYTE_ORDER_MARK, Rereads, Rules, after_white, behind_first, is_line_behind, line_end, line_of,
    next_in_column_0, reach,
};
use super::framer::BlockSizes;
use super::parts::{Halt, Part, PartSizes, Parts, Step};
use super::survey::{Survey, Verdict};
use crate::decode::Framing;
use crate::json::{Skip, UNDECIDED};

/// What is looked for.
#[derive(Debug, Clone)]
enum Phase {
    /// The first document, and how documents lie.
    Start,
    /// The newline to cut at.
    Line,
    /// The first byte of a document.
    Begin,
    /// The end of the document that is open.
    Value(Skip),
    /// What follows the first document, which ends here, in a line that is long: that tells how documents lie.
    AfterFirst(usize),
    /// What follows a document that ended.
    After,
    /// A bracket in column 0, after what is no document.
    Lost,
    /// The same, where the block before has been cut already and what comes until then is of no use.
    Dropping,
    /// A line feed, behind a line that is bad and of whose rest nothing is of use.
    DroppingLine,
    /// A survey of the document that begins with the text.
    Surveying,
    /// The elements of a document that begins with the text, or did: parts of it were cut.
    Parts(Box<Cutting>),
    /// Nothing: the stream cannot be read on.
    Contradicted,
}

/// A document that is being cut into parts.
#[derive(Debug, Clone)]
pub(super) struct Cutting {
    parts: Parts,
    line: bool,
    /// It is known to be no document: nothing of it is given but the part that shows why.
    bad: bool,
    /// A line feed came within the parts that were cut.
    newline: bool,
    /// No newline stands before this.
    searched: usize,
    /// Where in the text the next document may begin, if this one is bad and took it for an element of its own.
    kept: Option<usize>,
}

impl Cutting {
    /// Reads on. Of a document that is bad nothing is cut away that may be the next one, as long as that is no longer than `most`.
    fn step(&mut self, text: &[u8], offset: u64, last: bool, most: usize) -> Result<Step, Halt> {
        loop {
            let step = self.parts.step(text, offset, last)?;
            let Step::Cut { next, .. } = step else { return Ok(step) };
            if self.bad && self.kept.is_none() {
                self.kept = next_in_column_0(text, 0).filter(|bracket| *bracket <= next);
            }
            if self.kept.is_none_or(|kept| next.saturating_sub(kept) > most) {
                self.kept = None;
                return Ok(step);
            }
        }
    }
}

/// Where to cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// What stands before is a block.
    Block(usize),
    /// What stands before belongs to no block.
    Drop(usize),
    /// What stands before `end`, between what is put before and behind it, is a part of a document; text goes on at `next`.
    Part { end: usize, next: usize, before: Vec<u8>, behind: Vec<u8>, part: Part },
}

/// How far the cutting of a document came.
enum Reached {
    /// More text is needed.
    More,
    Cut(Cut),
    /// Another phase goes on.
    Phase,
}

/// Why the rest of a stream cannot be read: what comes at a place changes what spans that were given depended on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contradiction {
    /// Where it comes, in bytes of the stream.
    pub offset: u64,
    /// Spans of the document that were given before.
    pub spans: u64,
    /// It is a fault of the document; otherwise a member that came too late, or came twice.
    pub fault: bool,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, spans, fault } = self;
        if *fault {
            return write!(
                f,
                "the document proves to be broken at byte {offset}, after {spans} of its spans were delivered"
            );
        }
        write!(
            f,
            "the document goes on at byte {offset} with what changes {spans} of its spans that were delivered before"
        )
    }
}

impl std::error::Error for Contradiction {}

/// What a decoder looks at round a fault, to find it and to show it.
const SURROUNDINGS: usize = 64;
const _: () = assert!(SURROUNDINGS > UNDECIDED);

/// See the module's head. All indices are into the text that is held.
#[allow(clippy::struct_excessive_bools, reason = "settings, and what is known of the stream, each by itself")]
#[derive(Debug, Clone)]
pub(super) struct Scanner {
    rules: Rules,
    /// As asked for, then as found.
    pub(super) framing: Framing,
    sizes: BlockSizes,
    /// Documents may be cut.
    cuts: bool,
    /// Somebody can read the stream twice.
    pub(super) surveyed: bool,
    /// The stream is in memory.
    pub(super) complete: bool,
    /// The open document cannot be cut.
    whole: bool,
    /// How documents lie is not known: the first line is a document that is being cut.
    undecided: bool,
    /// The first line is the document that it begins with, which is not large, and white space that is.
    short_first: bool,
    pub(super) contradiction: Option<Contradiction>,
    phase: Phase,
    at: usize,
    /// Where the open document began.
    begin: usize,
    /// A block that ended before this would hide from the decoder why a document is bad.
    horizon: usize,
    pub(super) rereads: Rereads,
    /// The last document that was found to begin is not the stream's first.
    seen: bool,
    /// The first line is refused for its byte order mark: what is behind it is read as if it came first, but not with it.
    refused: bool,
    /// Where the first line that is not blank begins, and how far its end was looked for.
    first_line: Option<(usize, usize)>,
    /// From the first place to the second there is nothing but white space.
    white: (usize, usize),
    /// In how much of the text there is no line feed.
    feedless: usize,
}

/// What the next block needs to know of the ones before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    pub(super) follows: bool,
    pub(super) trails: bool,
    pub(super) rereads: Rereads,
}

impl Scanner {
    pub(super) fn new(rules: Rules, framing: Framing, sizes: BlockSizes, cuts: bool) -> Self {
        Self {
            rules,
            framing,
            sizes,
            cuts,
            surveyed: false,
            complete: false,
            whole: false,
            undecided: false,
            short_first: false,
            contradiction: None,
            phase: Phase::Start,
            at: 0,
            begin: 0,
            horizon: 0,
            rereads: Rereads::default(),
            seen: false,
            refused: false,
            first_line: None,
            white: (0, 0),
            feedless: 0,
        }
    }

    /// The first byte from `from` on that is not white. White space that was looked at before is not looked at again.
    fn after_white(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let known = if self.white.0 == from { self.white.1 } else { from };
        let next = after_white(text, known);
        self.white = (from, next.unwrap_or(text.len()));
        next
    }

    /// The place to cut `text` at, if it holds one. `offset` is where the text begins in its stream; `last`: no more will come.
    #[allow(clippy::too_many_lines, reason = "an arm per phase")]
    pub(super) fn cut(&mut self, text: &[u8], offset: u64, last: bool) -> Option<Cut> {
        loop {
            match &mut self.phase {
                Phase::Start => self.start(text, last)?,
                Phase::Line => {
                    let from = self.at.max(self.sizes.block.saturating_sub(1));
                    let found = text.get(from..).and_then(|rest| memchr::memchr(b'\n', rest));
                    let end = found.map_or(text.len(), |at| from + at + 1);
                    if self.is_large(end) {
                        let before = text.get(..from.min(end)).unwrap_or_default();
                        let begin = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
                        if !self.is_large(end - begin) {
                            self.at = end;
                            return found.map(|_| Cut::Block(end));
                        }
                        self.at = begin;
                        if begin > 0 {
                            return Some(Cut::Block(begin));
                        }
                        let marked = offset == 0 && !self.seen && !self.rules.strict;
                        let marked = marked && text.starts_with(BYTE_ORDER_MARK);
                        self.begin = if marked { BYTE_ORDER_MARK.len() } else { 0 };
                        self.enter_parts(text, offset, last);
                        continue;
                    }
                    self.at = end;
                    if found.is_some() {
                        self.whole = false;
                    }
                    return found.map(|_| Cut::Block(end));
                }
                Phase::Begin => {
                    self.begin = self.after_white(text, self.at)?;
                    self.at = self.begin;
                    self.phase = Phase::Value(Skip::new(0));
                    // What is before the first document stays with it, as it does with a first line.
                    let follows = self.seen || self.refused;
                    if follows && self.begin >= self.sizes.block.max(self.horizon) {
                        return Some(Cut::Block(self.begin));
                    }
                }
                Phase::Value(skip) => {
                    let mut cursor = self.rules.cursor(text, self.at, Vec::new());
                    let result = skip.resume(&mut cursor, last);
                    // A token that is not all there is not counted: how much of it is there is a matter of chunks.
                    let end = match &result {
                        Ok(_) => cursor.at,
                        Err(error) => error.offset,
                    };
                    if self.is_large(end.saturating_sub(self.begin)) {
                        self.at = self.begin;
                        if (self.seen || self.refused) && self.begin > 0 {
                            self.phase = Phase::Value(Skip::new(0));
                            return Some(Cut::Block(self.begin));
                        }
                        self.enter_parts(text, offset, last);
                        continue;
                    }
                    if self.undecided && !matches!(result, Ok(false)) {
                        self.undecided = false;
                        if result.is_ok() {
                            self.phase = Phase::AfterFirst(cursor.at);
                            continue;
                        }
                        self.framing = Framing::Documents;
                    }
                    match result {
                        Ok(done) => {
                            self.at = cursor.at;
                            if !done {
                                return None;
                            }
                            self.seen = true;
                            self.whole = false;
                            self.phase = Phase::After;
                        }
                        Err(error) => {
                            self.seen = true;
                            self.whole = false;
                            self.at = self.rereads.after_torn(self.begin, error.offset, offset);
                            let reach = reach(cursor, error);
                            self.horizon = self.horizon.max(reach + SURROUNDINGS);
                            self.phase = Phase::Lost;
                        }
                    }
                }
                Phase::After => {
                    let next = self.after_white(text, self.at)?;
                    let gap = text.get(self.at..next).unwrap_or_default();
                    if text.get(next).is_some_and(|byte| self.rules.may_follow(gap, *byte)) {
                        self.at = next;
                        self.phase = Phase::Begin;
                    } else {
                        // The decoder finds it behind the document, in the same block. No more than its first byte tells.
                        self.horizon = self.horizon.max(next + 1);
                        self.phase = Phase::Lost;
                    }
                }
                Phase::Lost => {
                    let next = self.next_in_column_0(text);
                    let enough = self.sizes.block.max(self.horizon);
                    // The mark before a bracket stays with the line feed before it.
                    if next.unwrap_or(text.len()) > enough.saturating_add(BYTE_ORDER_MARK.len()) {
                        self.phase = Phase::Dropping;
                        return Some(Cut::Block(enough));
                    }
                    self.at = next?;
                    self.phase = Phase::Begin;
                }
                Phase::Dropping => match self.next_in_column_0(text) {
                    Some(next) => {
                        self.phase = Phase::Begin;
                        return Some(Cut::Drop(next));
                    }
                    None => return (self.at > 0).then_some(Cut::Drop(self.at)),
                },
                Phase::AfterFirst(end) => {
                    let end = *end;
                    let next = self.after_white(text, end);
                    if next.is_none() && !last {
                        return None;
                    }
                    let behind = text.get(end..next.unwrap_or(text.len())).unwrap_or_default();
                    // A line with more in it is none, and may have no end.
                    if memchr::memchr(b'\n', behind).is_some() {
                        self.short_first = true;
                        self.phase = Phase::Start;
                    } else {
                        self.framing = Framing::Documents;
                        self.at = self.begin;
                        self.phase = Phase::Begin;
                    }
                }
                Phase::DroppingLine => {
                    let feed = memchr::memchr(b'\n', text);
                    if feed.is_some() {
                        self.phase = Phase::Line;
                    }
                    let end = feed.map_or(text.len(), |at| at + 1);
                    self.at = end;
                    return (end > 0).then_some(Cut::Drop(end));
                }
                Phase::Surveying | Phase::Contradicted => return None,
                Phase::Parts(_) => match self.part(text, offset, last) {
                    Reached::Cut(cut) => return Some(cut),
                    Reached::Phase => {}
                    Reached::More => return None,
                },
            }
        }
    }

    fn is_large(&self, length: usize) -> bool {
        self.cuts && !self.whole && length > self.sizes.document
    }

    fn part_sizes(&self) -> PartSizes {
        PartSizes { block: self.sizes.block, held: self.sizes.held }
    }

    /// Begins to cut the document at `begin`, or to wait for a survey of it.
    fn enter_parts(&mut self, text: &[u8], offset: u64, last: bool) {
        self.phase = Phase::Surveying;
        if last && (self.surveyed || self.complete) {
            // All of it is there.
            let mut survey = self.survey(offset);
            let mut chunks = text.chunks(self.sizes.block.max(4096));
            while survey.push(chunks.next().unwrap_or_default()) {}
            self.surveyed_as(survey);
        } else if !self.surveyed {
            // Also where all has come: whether it has by now is a matter of chunks.
            self.not_surveyed();
        }
    }

    /// Cuts the document without knowing what comes late.
    pub(super) fn not_surveyed(&mut self) {
        self.enter(Parts::new(self.rules, self.part_sizes(), self.begin, None), false);
    }

    fn enter(&mut self, parts: Parts, bad: bool) {
        let line = self.framing == Framing::Lines;
        self.phase =
            Phase::Parts(Box::new(Cutting { parts, line, bad, newline: false, searched: 0, kept: None }));
    }

    /// Whether a survey is waited for.
    pub(super) fn wants_survey(&self) -> bool {
        matches!(self.phase, Phase::Surveying)
    }

    /// A survey of the document that begins in the text at `offset` of the stream.
    pub(super) fn survey(&self, offset: u64) -> Survey {
        let line = self.framing == Framing::Lines;
        Survey::new(self.rules, self.part_sizes(), line, (offset, self.begin))
    }

    /// What the survey found.
    pub(super) fn surveyed_as(&mut self, survey: Survey) {
        let parts = |late| Parts::new(self.rules, self.part_sizes(), self.begin, Some(late));
        match survey.into_verdict() {
            Verdict::Good(late) => self.enter(parts(late), false),
            Verdict::Bad => {
                let parts = Parts::of_bad(self.rules, self.part_sizes(), self.begin);
                self.enter(parts, true);
            }
            Verdict::Shape => self.hold(),
        }
    }

    /// Holds the open document until it ends: it cannot be cut.
    fn hold(&mut self) {
        self.whole = true;
        self.undecided = false;
        self.at = self.begin;
        self.phase = match self.framing {
            Framing::Lines => Phase::Line,
            Framing::Auto => Phase::Start,
            Framing::Documents => Phase::Value(Skip::new(0)),
        };
    }

    fn contradict(&mut self, offset: u64, spans: u64, fault: bool) {
        self.contradiction = Some(Contradiction { offset, spans, fault });
        self.phase = Phase::Contradicted;
    }

    /// Goes on cutting a document.
    fn part(&mut self, text: &[u8], offset: u64, last: bool) -> Reached {
        let Phase::Parts(cutting) = &mut self.phase else { return Reached::Phase };
        let mut end = text.len();
        let mut ended = last;
        if cutting.line {
            let newline = memchr::memchr(b'\n', text.get(cutting.searched..).unwrap_or_default());
            cutting.searched = newline.map_or(text.len(), |at| cutting.searched + at);
            if newline.is_some() {
                (end, ended) = (cutting.searched, true);
            }
        }
        let own = text.get(..end).unwrap_or_default();
        let behind_line = (end + 1).min(text.len());
        let step = cutting.step(own, offset, ended, self.sizes.document);
        let parts = &mut cutting.parts;
        match step {
            Ok(Step::More) => Reached::More,
            Ok(Step::Cut { end, next }) => {
                cutting.newline |= memchr::memchr(b'\n', own.get(..next).unwrap_or_default()).is_some();
                cutting.searched = cutting.searched.saturating_sub(next);
                let (before, behind, part) = parts.cut(next);
                self.seen = true;
                Reached::Cut(if cutting.bad {
                    Cut::Drop(next)
                } else {
                    Cut::Part { end, next, before, behind, part }
                })
            }
            Ok(Step::Done(_)) if !parts.given && !cutting.bad => {
                // There was nothing to cut.
                self.hold();
                Reached::Phase
            }
            Ok(Step::Done(at)) => {
                let line = cutting.line;
                if line && !ended {
                    return Reached::More;
                }
                if line && let Some(fault) = after_white(own, at) {
                    return self.torn(text, offset, fault, fault + SURROUNDINGS, behind_line, last);
                }
                let goes_on = match () {
                    () if line => Some((Framing::Lines, behind_line)),
                    () if self.undecided && !cutting.newline => behind_first(own, at, ended),
                    () => Some((Framing::Documents, at)),
                };
                let Some((framing, next)) = goes_on else { return Reached::More };
                let (before, part) = cutting.parts.end();
                self.seen = true;
                self.framing = framing;
                self.undecided = false;
                self.phase = if framing == Framing::Lines { Phase::Line } else { Phase::After };
                self.at = next;
                Reached::Cut(Cut::Part { end: at, next, before, behind: Vec::new(), part })
            }
            Err(Halt::Json(error)) => {
                let cursor = self.rules.cursor(own, parts.at(), Vec::new());
                let reach = reach(cursor, error) + SURROUNDINGS;
                self.torn(text, offset, error.offset, reach, behind_line, last)
            }
            Err(Halt::Shape) if !parts.given => {
                self.hold();
                Reached::Phase
            }
            Err(Halt::Shape) => {
                let (at, spans) = (parts.at(), parts.spans());
                self.contradict(offset.saturating_add(at as u64), spans, false);
                Reached::More
            }
            Err(Halt::Contradiction(at)) => {
                let spans = parts.spans();
                self.contradict(offset.saturating_add(at as u64), spans, false);
                Reached::More
            }
        }
    }

    /// The document that is being cut proved to be none at `fault`.
    fn torn(
        &mut self,
        text: &[u8],
        offset: u64,
        fault: usize,
        reach: usize,
        behind_line: usize,
        last: bool,
    ) -> Reached {
        let Phase::Parts(cutting) = &mut self.phase else { return Reached::Phase };
        if cutting.parts.given && !cutting.bad {
            let spans = cutting.parts.spans();
            self.contradict(offset.saturating_add(fault as u64), spans, true);
            return Reached::More;
        }
        if !cutting.parts.given && !cutting.bad {
            // Nothing was given yet: it is as bad as any other.
            self.hold();
            return Reached::Phase;
        }
        let line = cutting.line;
        let ended = line && text.get(..behind_line).unwrap_or_default().ends_with(b"\n");
        if !last && !ended && text.len() < reach {
            return Reached::More;
        }
        let (before, part) = cutting.parts.end();
        self.seen = true;
        self.undecided = false;
        let end = reach.min(if line { behind_line } else { text.len() });
        let next = if line {
            // The rest of the line belongs to no block, and may be long.
            self.phase = if ended && end == behind_line { Phase::Line } else { Phase::DroppingLine };
            end
        } else {
            self.framing = Framing::Documents;
            self.phase = Phase::Dropping;
            // As far back as there is text: of a document that a writer left unfinished, the fault is in the next.
            self.rereads.after_torn(0, fault, offset)
        };
        self.at = next;
        Reached::Cut(Cut::Part { end, next, before, behind: Vec::new(), part })
    }

    /// Looks on for a bracket in column 0, and remembers how far it looked.
    fn next_in_column_0(&mut self, text: &[u8]) -> Option<usize> {
        let next = next_in_column_0(text, self.at);
        if next.is_none() {
            // The last newline is needed again: what stands after it may not be there yet.
            let rest = text.get(self.at..).unwrap_or_default();
            self.at += memchr::memrchr(b'\n', rest).unwrap_or(rest.len());
        }
        next
    }

    /// What the block that begins with the open document must know.
    pub(super) fn carried(&self) -> Carried {
        Carried { follows: self.seen, trails: matches!(self.phase, Phase::After), rereads: self.rereads }
    }

    /// Goes on with the ends of lines: the text begins with one, behind others.
    pub(super) fn enter_lines(&mut self) {
        self.phase = Phase::Line;
        self.seen = true;
    }

    /// Whether the text begins with a line, of which nothing was given.
    pub(super) fn is_in_lines(&self) -> bool {
        matches!(self.phase, Phase::Line) && !self.whole && self.at == 0
    }

    /// Whether what is held belongs to no block.
    pub(super) fn is_dropping(&self) -> bool {
        matches!(self.phase, Phase::Dropping | Phase::DroppingLine)
    }

    /// The text was cut at `from`.
    pub(super) fn shift(&mut self, from: usize) {
        self.first_line = None;
        self.white = (0, 0);
        self.feedless = 0;
        self.at = self.at.saturating_sub(from);
        self.begin = self.begin.saturating_sub(from);
        self.horizon = self.horizon.saturating_sub(from);
        match &mut self.phase {
            Phase::Value(skip) => skip.shift(from),
            Phase::AfterFirst(end) => *end = end.saturating_sub(from),
            _ => {}
        }
    }

    /// Decides how documents lie; `None` while that needs more text.
    fn start(&mut self, text: &[u8], last: bool) -> Option<()> {
        if text.len() < BYTE_ORDER_MARK.len() && !last {
            return None;
        }
        let mut start = 0;
        if text.starts_with(BYTE_ORDER_MARK) {
            // Strict mode refuses the mark and the line that it stands in.
            self.refused = self.rules.strict;
            start = BYTE_ORDER_MARK.len();
            if self.refused {
                start = line_end(text, self.feedless);
                self.feedless = start.saturating_sub(1);
            }
        }
        // Blank text is held until something follows: whether anything does, decides what is wrong with it.
        let (from, end) = match self.first_line {
            Some((from, searched)) if text.get(..searched).is_some_and(|line| line.ends_with(b"\n")) => {
                (from, searched)
            }
            Some((from, searched)) => (from, line_end(text, searched)),
            None => line_of(text, start, self.after_white(text, start)?),
        };
        self.first_line = Some((from, end));
        if self.framing == Framing::Auto {
            let behind = match self.after_white(text, end) {
                Some(next) => is_line_behind(text, next, last),
                None => last.then_some(false),
            };
            if behind.is_none() && !self.short_first && from == start && self.is_large(end - from) {
                // Whether the stream is one of lines shows when the document has ended.
                self.undecided = true;
                self.at = from;
                self.phase = Phase::Begin;
                return Some(());
            }
            let line = text.get(from..end).unwrap_or_default();
            let lines = behind? && self.rules.is_value(line, &mut Vec::new());
            self.framing = if lines { Framing::Lines } else { Framing::Documents };
        }
        self.at = start;
        self.phase = if self.framing == Framing::Lines { Phase::Line } else { Phase::Begin };
        Some(())
    }
}
