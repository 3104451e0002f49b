//! Tokens to expressions: what stands in braces.
//!
//! From the loosest to the tightest: `&&` and `||` alike; comparisons; `+` and `-`, unary minus as well; `!`; `*`, `/` and
//! `%`; `^`, from the right. So `!.a = 1` is `(!.a) = 1`, and `a || b && c` is `(a || b) && c`.

use super::ast::{Arithmetic, Comparison, Expr, Field, Literal, Type};
use super::parse::Parser;
use super::token::{Kind, TOO_LARGE};
use super::value::Value;
use super::{QueryError, hint};

const LOGIC: u8 = 1;
const COMPARISON: u8 = 2;
const SUM: u8 = 3;
const NOT: u8 = 4;
const PRODUCT: u8 = 5;
const POWER: u8 = 6;

/// What an operator stands between. `nil` is no value: it only ever asks whether there is one.
enum Operand {
    Expr { expr: Expr, height: usize },
    Nil,
}

impl Operand {
    fn expr(self, column: usize) -> Result<(Expr, usize), QueryError> {
        match self {
            Self::Expr { expr, height } => Ok((expr, height)),
            Self::Nil => Err(QueryError::new(column, "`nil` can only be compared, by `=` or `!=`")),
        }
    }
}

impl Parser<'_> {
    /// An expression and its height.
    pub(super) fn expression(&mut self) -> Result<(Expr, usize), QueryError> {
        let column = self.column();
        self.operation_above(LOGIC)?.expr(column)
    }

    /// An expression whose operators bind at least as tight as `level`.
    fn operation_above(&mut self, level: u8) -> Result<Operand, QueryError> {
        let start = self.column();
        let mut left = self.deeper(Self::operand)?;
        let mut first = None;
        while let Some((sign, binding)) = self.operator().filter(|(_, binding)| *binding >= level) {
            let column = self.column();
            self.advance();
            if binding == LOGIC && *first.get_or_insert(sign) != sign {
                self.warn_mixed(column);
                first = Some(sign);
            }
            let right_column = self.column();
            let above = if binding == POWER { binding } else { binding + 1 };
            let right = self.deeper(|parser| parser.operation_above(above))?;
            left = self.combine(sign, column, (left, start), (right, right_column))?;
        }
        if matches!(self.peek(), Kind::Word(word) if word == "in") {
            return Err(self.error("`in` is not supported; join comparisons by `||`"));
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        let Kind::Sign(sign) = *self.peek() else { return None };
        let binding = match sign {
            "&&" | "||" => LOGIC,
            "=" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~" => COMPARISON,
            "+" | "-" => SUM,
            "*" | "/" | "%" => PRODUCT,
            "^" => POWER,
            _ => return None,
        };
        Some((sign, binding))
    }

    fn operand(&mut self) -> Result<Operand, QueryError> {
        let column = self.column();
        if self.eat("(") {
            let inner = self.operation_above(LOGIC)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.eat("-") {
            if let Some(literal) = self.least()? {
                return Ok(Operand::Expr { expr: Expr::Literal(literal), height: 1 });
            }
            let (inner, height) = self.operation_above(NOT)?.expr(column)?;
            return match inner.type_of() {
                Type::Any | Type::Number => Ok(folded(Expr::Negate(Box::new(inner)), height + 1)),
                _ => Err(QueryError::new(column, "`-` is for numbers")),
            };
        }
        if self.eat("!") {
            let (inner, height) = self.operation_above(PRODUCT)?.expr(column)?;
            return match inner.type_of() {
                Type::Any | Type::Bool => {
                    Ok(Operand::Expr { expr: Expr::Not(Box::new(inner)), height: height + 1 })
                }
                _ => Err(QueryError::new(
                    column,
                    "`!` is for what is true or false; it binds tighter than a comparison, so put that in parentheses",
                )),
            };
        }
        let expr = match self.peek() {
            Kind::Attribute(scope, name) => Expr::Field(Field::Attribute(*scope, name.clone())),
            Kind::Intrinsic(intrinsic) => Expr::Field(Field::Intrinsic(*intrinsic)),
            Kind::Text(text) => Expr::Literal(Literal::Text(text.clone())),
            Kind::Int(number) => Expr::Literal(Literal::Int(self.integer(*number, false)?)),
            Kind::Float(number) => Expr::Literal(Literal::Float(*number)),
            Kind::Duration(nanos) => Expr::Literal(Literal::Duration(*nanos)),
            Kind::Word(word) if word == "nil" => {
                self.advance();
                return Ok(Operand::Nil);
            }
            Kind::Word(word) => Expr::Literal(self.word(word)?),
            Kind::Sign("}" | ")" | ",") | Kind::End => return Err(self.unexpected("a value")),
            Kind::Sign(sign) => {
                return Err(self.error(format!("`{sign}` cannot stand here; a value is expected")));
            }
        };
        self.advance();
        Ok(Operand::Expr { expr, height: 1 })
    }

    /// Goes past the least integer, after its sign: without it, it is none. What binds tighter than the sign would have to do
    /// without.
    fn least(&mut self) -> Result<Option<Literal>, QueryError> {
        let Kind::Int(number) = *self.peek() else { return Ok(None) };
        if i64::try_from(number).is_ok() {
            return Ok(None);
        }
        let (column, literal) = (self.column(), Literal::Int(self.integer(number, true)?));
        self.advance();
        match self.operator() {
            Some((_, binding)) if binding >= PRODUCT => Err(QueryError::new(column, TOO_LARGE)),
            _ => Ok(Some(literal)),
        }
    }

    fn word(&self, word: &str) -> Result<Literal, QueryError> {
        Literal::of_word(word).ok_or_else(|| match word {
            "parent" | "nestedSetLeft" | "nestedSetRight" | "nestedSetParent" => {
                self.error(format!("the intrinsic `{word}` is not supported"))
            }
            _ => {
                let (before, behind) = self.around();
                self.error(hint::of_value(word, before, behind))
            }
        })
    }

    fn combine(
        &mut self,
        sign: &'static str,
        column: usize,
        left: (Operand, usize),
        right: (Operand, usize),
    ) -> Result<Operand, QueryError> {
        // `nil = .a` is `.a = nil`.
        let (left, right) = if matches!(left.0, Operand::Nil) { (right, left) } else { (left, right) };
        if matches!(right.0, Operand::Nil) && matches!(sign, "=" | "!=") {
            let (expr, height) = left.0.expr(left.1)?;
            self.check_depth(height + 1)?;
            return Ok(Operand::Expr {
                expr: Expr::Exists(Box::new(expr), sign == "!="),
                height: height + 1,
            });
        }
        let (left, left_height) = left.0.expr(left.1)?;
        let right_column = right.1;
        let (right, right_height) = right.0.expr(right_column)?;
        let error = |message: &str| Err(QueryError::new(column, message));
        let types = (left.type_of(), right.type_of());
        let is_in =
            |allowed: Type| [types.0, types.1].iter().all(|found| [Type::Any, allowed].contains(found));
        let mut height = left_height.max(right_height) + 1;
        let expr = match sign {
            "&&" | "||" => {
                if !is_in(Type::Bool) {
                    return error("`&&` and `||` stand between what is true or false");
                }
                let is_and = sign == "&&";
                match left {
                    // A long chain is one step deep.
                    Expr::And(mut parts) if is_and => {
                        height = left_height.max(right_height + 1);
                        parts.push(right);
                        Expr::And(parts)
                    }
                    Expr::Or(mut parts) if !is_and => {
                        height = left_height.max(right_height + 1);
                        parts.push(right);
                        Expr::Or(parts)
                    }
                    left if is_and => Expr::And(vec![left, right]),
                    left => Expr::Or(vec![left, right]),
                }
            }
            "=~" | "!~" => {
                if ![Type::Any, Type::Text].contains(&types.0) {
                    return error("a regular expression is for text");
                }
                let Expr::Literal(Literal::Text(pattern)) = &right else {
                    return error("the regular expression must be a text in quotes");
                };
                let regex = self
                    .patterns
                    .compile(pattern)
                    .map_err(|message| QueryError::new(right_column, message))?;
                Expr::Matches { expr: Box::new(left), regex, negated: sign == "!~" }
            }
            "+" | "-" | "*" | "/" | "%" | "^" => {
                if !is_in(Type::Number) {
                    return error(&format!("`{sign}` is for numbers and durations"));
                }
                if left.is_repeated() || right.is_repeated() {
                    return error("arithmetic on fields of events or links is not supported");
                }
                let operation = match sign {
                    "+" => Arithmetic::Add,
                    "-" => Arithmetic::Subtract,
                    "*" => Arithmetic::Multiply,
                    "/" => Arithmetic::Divide,
                    "%" => Arithmetic::Modulo,
                    _ => Arithmetic::Power,
                };
                match left {
                    Expr::Arithmetic(first, mut steps) => {
                        height = left_height.max(right_height + 1);
                        steps.push((operation, right));
                        Expr::Arithmetic(first, steps)
                    }
                    left => Expr::Arithmetic(Box::new(left), vec![(operation, right)]),
                }
            }
            _ => {
                let comparison = match sign {
                    "=" => Comparison::Equal,
                    "!=" => Comparison::NotEqual,
                    "<" => Comparison::Less,
                    "<=" => Comparison::LessEqual,
                    ">" => Comparison::Greater,
                    _ => Comparison::GreaterEqual,
                };
                if types.0 != types.1 && types.0 != Type::Any && types.1 != Type::Any {
                    return error(&hint::of_types(&left, &right));
                }
                let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                if ordered && [types.0, types.1].iter().any(|found| is_unordered(*found)) {
                    return error("this type has no order: only `=` and `!=` compare it");
                }
                if left.is_repeated() && right.is_repeated() {
                    return error("comparing fields of events or links with each other is not supported");
                }
                Expr::Compare(comparison, Box::new(left), Box::new(right))
            }
        };
        self.check_depth(height)?;
        Ok(folded(expr, height))
    }
}

fn is_unordered(found: Type) -> bool {
    matches!(found, Type::Bool | Type::Status | Type::Kind)
}

/// Literals computed with are a literal.
fn folded(expr: Expr, height: usize) -> Operand {
    let literal = match &expr {
        Expr::Negate(inner) => match &**inner {
            Expr::Literal(number) => Value::from(number).negated().to_number(),
            _ => None,
        },
        Expr::Arithmetic(left, steps) => match (&**left, steps.as_slice()) {
            (Expr::Literal(left), [(operation, Expr::Literal(right))]) => {
                Value::from(left).computed(*operation, &Value::from(right)).to_number()
            }
            _ => None,
        },
        _ => None,
    };
    match literal {
        Some(literal) => Operand::Expr { expr: Expr::Literal(literal), height: 1 },
        None => Operand::Expr { expr, height },
    }
}
