//! The words of options: those that the command, settings files and Python know.

use std::fmt;

/// A word that names no choice of an option.
///
/// ```
/// use spanwise::Mode;
/// let error = "loose".parse::<Mode>().unwrap_err();
/// assert_eq!(error.to_string(), "no mode is named \"loose\"; known are strict and lenient");
/// assert_eq!((error.option(), error.known()), ("mode", &["strict", "lenient"][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    option: &'static str,
    word: String,
    known: &'static [&'static str],
}

impl UnknownWord {
    /// For [`words!`], in the other crates as well.
    #[doc(hidden)]
    pub fn new(option: &'static str, word: &str, known: &'static [&'static str]) -> Self {
        Self { option, word: start(word).to_owned(), known }
    }

    /// What the option chooses.
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// The words that there are.
    pub fn known(&self) -> &'static [&'static str] {
        self.known
    }
}

/// As much of a word as an error shows: no choice is called so, and what was given may be anything.
fn start(word: &str) -> &str {
    const SHOWN: usize = 100;
    word.char_indices().nth(SHOWN).map_or(word, |(end, _)| word.get(..end).unwrap_or_default())
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} is named {:?}; known are ", self.option, self.word)?;
        for (number, name) in self.known.iter().enumerate() {
            f.write_str(match self.known.len() - number {
                _ if number == 0 => "",
                1 => " and ",
                _ => ", ",
            })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownWord {}

/// Gives a choice its words: `as_str`, `Display` and `FromStr`.
#[doc(hidden)]
#[macro_export]
macro_rules! words {
    ($choice:ident, $option:literal, $($variant:ident $word:literal),+) => {
        impl $choice {
            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl ::std::fmt::Display for $choice {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $choice {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownWord::new($option, word, &[$($word),+])),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::{Code, Layer, Mode, Severity, Simd, SpanKind, StatusCode};

    /// What is told in a table has a width.
    #[test]
    fn all_that_is_a_word_is_shown_as_wide_as_it_is_asked_for() {
        let shown: [(&dyn std::fmt::Display, &str); 9] = [
            (&Mode::Strict, "strict"),
            (&Severity::Error, "error"),
            (&Layer::Schema, "schema"),
            (&Code::EnumName, "enum-name"),
            (&SpanKind::CLIENT, "client"),
            (&SpanKind::new(77), "77"),
            (&StatusCode::ERROR, "error"),
            (&Simd::portable(), "none"),
            (&Simd::detect(), Simd::detect().name()),
        ];
        for (word, text) in shown {
            assert_eq!(format!("{word:>12}|"), format!("{text:>12}|"));
            assert_eq!(word.to_string(), text);
        }
    }
}
