//! Tokens to pipelines: what stands outside of braces.
//!
//! ```text
//! pipeline = stage { "|" stage }
//! stage    = spanset | aggregate comparison literal | "by" "(" expr ")" | "select" "(" expr { "," expr } ")" | "coalesce()"
//! spanset  = related { ("&&" | "||") related }
//! related  = primary { structural primary }
//! primary  = "{" [ expr ] "}" | "(" pipeline ")"
//! ```

use super::ast::{Aggregate, Comparison, Expr, Literal, Relation, Spanset, Stage, Step, Type};
use super::pattern::Patterns;
use super::token::{Kind, TOO_LARGE, Token};
use super::{QueryError, QueryWarning, hint};

/// How deep a query may nest. Every step of the parser and of those who walk its trees counts, so no query can exhaust
/// the stack. What is parsed is handed up with its height: a chain in parentheses may begin a longer one.
const DEPTH: usize = 100;

pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    depth: usize,
    pub(super) patterns: Patterns,
    pub(super) warnings: Vec<QueryWarning>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self { tokens, next: 0, depth: 0, patterns: Patterns::default(), warnings: Vec::new() }
    }

    /// A whole query.
    pub(super) fn query(&mut self) -> Result<Vec<Stage>, QueryError> {
        if *self.peek() == Kind::End {
            return Err(self.error("the query is empty; `{ }` matches every span"));
        }
        let (stages, _) = self.pipeline()?;
        if *self.peek() == Kind::End { Ok(stages) } else { Err(self.unexpected("the end of the query")) }
    }

    pub(super) fn peek(&self) -> &'a Kind {
        self.tokens.get(self.next).map_or(&Kind::End, |token| &token.kind)
    }

    /// What stands before the next token, and behind it.
    pub(super) fn around(&self) -> (&'a Kind, &'a Kind) {
        let kind =
            |at: Option<usize>| at.and_then(|at| self.tokens.get(at)).map_or(&Kind::End, |token| &token.kind);
        (kind(self.next.checked_sub(1)), kind(self.next.checked_add(1)))
    }

    /// The column of the next token.
    pub(super) fn column(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(1, |token| token.column)
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    pub(super) fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Kind::Sign(next) if *next == sign);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), QueryError> {
        if self.eat(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> QueryError {
        QueryError::new(self.column(), message)
    }

    pub(super) fn unexpected(&self, wanted: &str) -> QueryError {
        let found = match self.peek() {
            Kind::Sign(sign) => format!("`{sign}`"),
            Kind::Word(word) => match hint::of_operator(word) {
                Some(meant) => format!("a word; {meant}"),
                None => "a word".to_owned(),
            },
            Kind::Text(_) => "a text".to_owned(),
            Kind::Int(_) | Kind::Float(_) => "a number".to_owned(),
            Kind::Duration(_) => "a duration".to_owned(),
            Kind::Attribute(..) => "an attribute".to_owned(),
            Kind::Intrinsic(_) => "an intrinsic".to_owned(),
            Kind::End => "the end of the query".to_owned(),
        };
        self.error(format!("{wanted} is expected here, not {found}"))
    }

    /// Goes a step deeper while `inside` runs.
    pub(super) fn deeper<T>(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        self.depth += 1;
        self.check_depth(0)?;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    /// An error if a tree of `height` more steps would be too deep here.
    pub(super) fn check_depth(&self, height: usize) -> Result<(), QueryError> {
        if self.depth + height > DEPTH {
            return Err(self.error(format!("the query is nested deeper than {DEPTH} levels")));
        }
        Ok(())
    }

    /// Warns where `&&` and `||` stand side by side.
    pub(super) fn warn_mixed(&mut self, column: usize) {
        let message = "`&&` and `||` bind alike and from the left: put parentheses where they are mixed";
        self.warnings.push(QueryWarning { line: 1, column, message });
    }

    /// The stages, and the height of the highest.
    fn pipeline(&mut self) -> Result<(Vec<Stage>, usize), QueryError> {
        let (first, mut height) = self.stage()?;
        let mut stages = vec![first];
        while self.eat("|") {
            let (stage, of_stage) = self.stage()?;
            stages.push(stage);
            height = height.max(of_stage);
        }
        if matches!(self.peek(), Kind::Word(word) if word == "with") {
            return Err(self.error("hints (`with`) are not supported"));
        }
        Ok((stages, height))
    }

    fn stage(&mut self) -> Result<(Stage, usize), QueryError> {
        match self.peek() {
            Kind::Word(word) => {
                let column = self.column();
                self.advance();
                self.operation(word, column)
            }
            Kind::Int(_) | Kind::Float(_) | Kind::Duration(_) | Kind::Sign("-") => {
                Err(self.error("in a comparison with an aggregate, the aggregate stands on the left"))
            }
            _ => self.spanset().map(|(spanset, height)| (Stage::Spanset(spanset), height)),
        }
    }

    /// A stage that begins with a word, and its height.
    fn operation(&mut self, word: &str, column: usize) -> Result<(Stage, usize), QueryError> {
        let (aggregate, height) = match word {
            "count" => {
                self.expect("(")?;
                self.expect(")")?;
                (Aggregate::Count, 1)
            }
            "avg" => self.number_argument(Aggregate::Average)?,
            "min" => self.number_argument(Aggregate::Minimum)?,
            "max" => self.number_argument(Aggregate::Maximum)?,
            "sum" => self.number_argument(Aggregate::Sum)?,
            "by" => return self.argument().map(|(expr, height)| (Stage::By(expr), height + 1)),
            "coalesce" => {
                self.expect("(")?;
                self.expect(")")?;
                return Ok((Stage::Coalesce, 1));
            }
            "select" => {
                self.expect("(")?;
                // Read, so that it is no mistake, and not kept: what is shown is not the query's to say.
                self.expression()?;
                while self.eat(",") {
                    self.expression()?;
                }
                self.expect(")")?;
                return Ok((Stage::Select, 1));
            }
            "rate"
            | "count_over_time"
            | "sum_over_time"
            | "avg_over_time"
            | "min_over_time"
            | "max_over_time"
            | "quantile_over_time"
            | "histogram_over_time"
            | "compare"
            | "topk"
            | "bottomk" => {
                return Err(QueryError::new(
                    column,
                    format!("the metrics function `{word}` is not supported"),
                ));
            }
            _ => return Err(QueryError::new(column, "this is no operation of a pipeline")),
        };
        let comparison = self.comparison().ok_or_else(|| match self.peek() {
            Kind::Sign(sign @ ("+" | "-" | "*" | "/" | "%" | "^")) => {
                self.error(format!("arithmetic on aggregates (`{sign}`) is not supported"))
            }
            _ => self.error("an aggregate needs a comparison with a number, as in `count() > 2`"),
        })?;
        let negative = self.eat("-");
        let literal = match *self.peek() {
            Kind::Int(number) => Literal::Int(self.integer(number, negative)?),
            Kind::Float(number) => Literal::Float(if negative { -number } else { number }),
            Kind::Duration(nanos) => Literal::Duration(if negative { -nanos } else { nanos }),
            Kind::Word(_) => {
                return Err(self.error("comparing an aggregate with an aggregate is not supported"));
            }
            _ => return Err(self.unexpected("a number or a duration")),
        };
        self.advance();
        Ok((Stage::Aggregate(aggregate, comparison, literal), height))
    }

    /// The integer that is next.
    pub(super) fn integer(&self, number: u64, negative: bool) -> Result<i64, QueryError> {
        let number = if negative { 0i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() };
        number.ok_or_else(|| self.error(TOO_LARGE))
    }

    /// An argument in parentheses that has one value for each span, and its height.
    fn argument(&mut self) -> Result<(Expr, usize), QueryError> {
        self.expect("(")?;
        let column = self.column();
        let (expr, height) = self.expression()?;
        if expr.is_repeated() {
            return Err(QueryError::new(
                column,
                "a field of events or links is not supported here: a span has several",
            ));
        }
        let mut is_of_span = false;
        expr.fields(&mut |_| is_of_span = true);
        if !is_of_span {
            return Err(QueryError::new(column, "this says nothing about a span"));
        }
        self.expect(")")?;
        Ok((expr, height))
    }

    fn number_argument(
        &mut self,
        aggregate: impl FnOnce(Expr) -> Aggregate,
    ) -> Result<(Aggregate, usize), QueryError> {
        let column = self.column() + 1;
        let (expr, height) = self.argument()?;
        match expr.type_of() {
            Type::Any | Type::Number => Ok((aggregate(expr), height + 1)),
            _ => Err(QueryError::new(column, "an aggregate is of numbers")),
        }
    }

    /// Goes past a comparison with an order.
    pub(super) fn comparison(&mut self) -> Option<Comparison> {
        let Kind::Sign(sign) = self.peek() else { return None };
        let comparison = match *sign {
            "=" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterEqual,
            _ => return None,
        };
        self.advance();
        Some(comparison)
    }

    /// Spansets joined by `&&` and `||`, and their height.
    fn spanset(&mut self) -> Result<(Spanset, usize), QueryError> {
        let (mut left, mut height) = self.related()?;
        let mut first = None;
        loop {
            let (column, is_and) = (self.column(), matches!(self.peek(), Kind::Sign("&&")));
            if !is_and && !matches!(self.peek(), Kind::Sign("||")) {
                return Ok((left, height));
            }
            self.advance();
            if *first.get_or_insert(is_and) != is_and {
                self.warn_mixed(column);
                first = Some(is_and);
            }
            let (right, of_right) = self.deeper(Self::related)?;
            // A long chain is one step deep.
            let (mut parts, of_parts) = match left {
                Spanset::And(parts) if is_and => (parts, height),
                Spanset::Or(parts) if !is_and => (parts, height),
                left => (vec![left], height + 1),
            };
            parts.push(right);
            height = of_parts.max(of_right + 1);
            self.check_depth(height)?;
            left = if is_and { Spanset::And(parts) } else { Spanset::Or(parts) };
        }
    }

    /// Spansets and how they are related, and their height.
    fn related(&mut self) -> Result<(Spanset, usize), QueryError> {
        let (mut left, mut height) = self.primary()?;
        while let Kind::Sign(sign) = *self.peek() {
            let (negated, relation) = match sign.strip_prefix('!') {
                Some(relation) => (true, relation),
                None => (false, sign),
            };
            let relation = match relation {
                ">" => Relation::Child,
                ">>" => Relation::Descendant,
                "<" => Relation::Parent,
                "<<" => Relation::Ancestor,
                "~" => Relation::Sibling,
                "&>" | "&>>" | "&<" | "&<<" | "&~" => {
                    return Err(self.error(format!("the union form `{sign}` is not supported")));
                }
                _ => break,
            };
            self.advance();
            let (to, of_step) = self.deeper(Self::primary)?;
            let (first, mut steps, of_steps) = match left {
                Spanset::Related(first, steps) => (first, steps, height),
                left => (Box::new(left), Vec::new(), height + 1),
            };
            steps.push(Step { relation, negated, to });
            height = of_steps.max(of_step + 1);
            self.check_depth(height)?;
            left = Spanset::Related(first, steps);
        }
        Ok((left, height))
    }

    fn primary(&mut self) -> Result<(Spanset, usize), QueryError> {
        if self.eat("{") {
            if self.eat("}") {
                return Ok((Spanset::Filter(Expr::Literal(Literal::Bool(true))), 1));
            }
            let column = self.column();
            let (expr, height) = self.deeper(Self::expression)?;
            self.expect("}")?;
            return match expr.type_of() {
                Type::Any | Type::Bool => Ok((Spanset::Filter(expr), height + 1)),
                _ => Err(QueryError::new(column, "a filter is true or false; this is neither")),
            };
        }
        if self.eat("(") {
            let (mut stages, height) = self.deeper(Self::pipeline)?;
            self.expect(")")?;
            return Ok(match (stages.pop(), stages.is_empty()) {
                (Some(Stage::Spanset(spanset)), true) => (spanset, height),
                (last, _) => (Spanset::Pipeline(stages.into_iter().chain(last).collect()), height + 1),
            });
        }
        Err(match self.peek() {
            Kind::Attribute(..) | Kind::Intrinsic(_) => self.error("a filter stands in braces: `{ … }`"),
            _ => self.unexpected("a filter in braces"),
        })
    }
}
