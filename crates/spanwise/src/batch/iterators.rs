//! Iterators with names, so that what they go over can stand in a `for` as it is.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;

use super::SpanBatch;
use super::attributes::{ArrayRef, AttributeRef, AttributesRef, ValueRef};
use super::rows::{AttributeRow, SpanRow};
use super::views::SpanRef;

macro_rules! iterator {
    ($(#[$doc:meta])* $name:ident of $row:ident as $view:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name<'a> {
            batch: &'a SpanBatch,
            rows: slice::Iter<'a, $row>,
        }

        impl<'a> $name<'a> {
            pub(super) fn new(batch: &'a SpanBatch, rows: &'a [$row]) -> Self {
                Self { batch, rows: rows.iter() }
            }
        }

        impl<'a> Iterator for $name<'a> {
            type Item = $view<'a>;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                self.rows.next().map(|row| $view::new(self.batch, row))
            }

            #[inline]
            fn size_hint(&self) -> (usize, Option<usize>) {
                self.rows.size_hint()
            }

            #[inline]
            fn nth(&mut self, n: usize) -> Option<Self::Item> {
                self.rows.nth(n).map(|row| $view::new(self.batch, row))
            }
        }

        impl DoubleEndedIterator for $name<'_> {
            #[inline]
            fn next_back(&mut self) -> Option<Self::Item> {
                self.rows.next_back().map(|row| $view::new(self.batch, row))
            }
        }

        impl ExactSizeIterator for $name<'_> {}

        impl FusedIterator for $name<'_> {}

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    };
}

iterator! {
    /// The spans of a batch, in document order: [`SpanBatch::spans`].
    Spans of SpanRow as SpanRef
}

iterator! {
    /// The entries of a list of key-values, in the order in which they were sent: [`AttributesRef::iter`].
    Attributes of AttributeRow as AttributeRef
}

iterator! {
    /// The elements of an `arrayValue`: [`ArrayRef::iter`].
    Elements of AttributeRow as ValueRef
}

#[allow(clippy::into_iter_without_iter, reason = "that is `spans`: a batch has tables of other things, too")]
impl<'a> IntoIterator for &'a SpanBatch {
    type Item = SpanRef<'a>;
    type IntoIter = Spans<'a>;

    /// As [`SpanBatch::spans`].
    fn into_iter(self) -> Spans<'a> {
        self.spans()
    }
}

impl<'a> IntoIterator for AttributesRef<'a> {
    type Item = AttributeRef<'a>;
    type IntoIter = Attributes<'a>;

    /// As [`AttributesRef::iter`].
    fn into_iter(self) -> Attributes<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &AttributesRef<'a> {
    type Item = AttributeRef<'a>;
    type IntoIter = Attributes<'a>;

    /// As [`AttributesRef::iter`].
    fn into_iter(self) -> Attributes<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for ArrayRef<'a> {
    type Item = ValueRef<'a>;
    type IntoIter = Elements<'a>;

    /// As [`ArrayRef::iter`].
    fn into_iter(self) -> Elements<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &ArrayRef<'a> {
    type Item = ValueRef<'a>;
    type IntoIter = Elements<'a>;

    /// As [`ArrayRef::iter`].
    fn into_iter(self) -> Elements<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use crate::ValueRef;

    #[test]
    fn what_has_iterators_stands_in_a_for_as_it_is() {
        let list = r#"{"arrayValue":{"values":[{"intValue":1},{"intValue":2},{"intValue":3}]}}"#;
        let spans = [list, r#"{"boolValue":true}"#].map(|value| {
            format!(
                r#"{{"name":"s","attributes":[{{"key":"a","value":{value}}},{{"key":"b","value":{{}}}}]}}"#
            )
        });
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
        let batch = crate::decode(body).unwrap();
        let (mut names, mut keys, mut elements) = (Vec::new(), Vec::new(), Vec::new());
        for span in &batch {
            names.push(span.name());
            for attribute in span.attributes() {
                keys.push(attribute.key());
                if let ValueRef::Array(array) = attribute.value() {
                    for element in array {
                        elements.push(element.as_int());
                    }
                    let mut ends = array.iter();
                    assert_eq!(ends.len(), 3);
                    assert_eq!(ends.next_back().and_then(|element| element.as_int()), Some(3));
                    assert_eq!(ends.nth(1).and_then(|element| element.as_int()), Some(2));
                    assert_eq!((ends.len(), ends.next().is_none()), (0, true));
                }
            }
        }
        assert_eq!(
            (names, keys),
            (vec!["s".into(); 2], vec!["a", "b", "a", "b"].into_iter().map(Into::into).collect())
        );
        assert_eq!(elements, [Some(1), Some(2), Some(3)]);
        assert_eq!(
            format!("{:?}", batch.spans().next().unwrap().attributes().iter())
                .matches("AttributeRef")
                .count(),
            2
        );
    }
}
