//! Where in a trace text stands.

/// A place where text can stand in a trace: the attributes of five kinds of owner, and six texts of their own.
///
/// ```
/// use spanwise::redact::Place;
///
/// assert_eq!(Place::from_id("span"), Some(Place::Span));
/// assert_eq!(Place::StatusMessage.id(), "status_message");
/// assert!(Place::Link.has_keys() && !Place::SpanName.has_keys());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Place {
    /// Attributes of resources.
    Resource,
    /// Attributes of instrumentation scopes.
    Scope,
    /// Attributes of spans.
    Span,
    /// Attributes of span events.
    Event,
    /// Attributes of span links.
    Link,
    /// Names of spans.
    SpanName,
    /// Names of events.
    EventName,
    /// Names and versions of scopes.
    ScopeName,
    /// Messages of span statuses.
    StatusMessage,
    /// Trace states, of spans and links.
    TraceState,
    /// Schema URLs, and the types and keys of entity references.
    Schema,
}

impl Place {
    /// All places, those with attributes first.
    pub const ALL: &[Self] = &[
        Self::Resource,
        Self::Scope,
        Self::Span,
        Self::Event,
        Self::Link,
        Self::SpanName,
        Self::EventName,
        Self::ScopeName,
        Self::StatusMessage,
        Self::TraceState,
        Self::Schema,
    ];

    /// Its name in policies and reports.
    pub fn id(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Span => "span",
            Self::Event => "event",
            Self::Link => "link",
            Self::SpanName => "span_name",
            Self::EventName => "event_name",
            Self::ScopeName => "scope_name",
            Self::StatusMessage => "status_message",
            Self::TraceState => "trace_state",
            Self::Schema => "schema",
        }
    }

    /// The place with this name, if there is one.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|place| place.id() == id)
    }

    /// Whether attributes stand there, so that rules for keys apply.
    pub fn has_keys(self) -> bool {
        self <= Self::Link
    }

    /// Its place in [`ALL`](Self::ALL), for tables with a row per place.
    pub fn as_usize(self) -> usize {
        self as usize
    }
}

/// Some of the places.
///
/// ```
/// use spanwise::redact::{Place, Places};
///
/// let places = Places::from([Place::Span, Place::Event]);
/// assert!(places.has(Place::Span) && !places.has(Place::Link));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places(u16);

impl Places {
    /// Every place.
    pub const ALL: Self = Self((1 << Place::ALL.len()) - 1);
    /// No place.
    pub const NONE: Self = Self(0);
    /// The places with attributes.
    pub const KEYED: Self = Self(0b1_1111);

    /// Whether `place` is one of them.
    #[inline]
    pub fn has(self, place: Place) -> bool {
        self.0 >> place as u16 & 1 == 1
    }

    /// With `place` too.
    #[must_use]
    pub fn with(self, place: Place) -> Self {
        Self(self.0 | 1 << place as u16)
    }

    /// Whether there is no place that is not in `others` too.
    pub fn is_within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// The places, in order.
    pub fn iter(self) -> impl Iterator<Item = Place> {
        Place::ALL.iter().copied().filter(move |place| self.has(*place))
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::ALL
    }
}

impl<const N: usize> From<[Place; N]> for Places {
    fn from(places: [Place; N]) -> Self {
        places.into_iter().collect()
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Self {
        places.into_iter().fold(Self::NONE, Self::with)
    }
}
