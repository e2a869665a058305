//! An expression meets a type: names become fields, values what their field wants.

use tidewire_idl::TypeDescriptor;
use tidewire_idl::cdr::{FieldStep, FieldType, Fields};

use crate::ast::{Expr, Op, Term, TermKind};
use crate::constant::{Constant, Expected, describe};
use crate::error::{FILE, FilterError, Problem};
use crate::parse;

/// What evaluation goes by.
pub(crate) struct Program {
    pub root: Node,
    pub fields: Fields,
    /// Where the constants come from, in the order of their numbers.
    pub sources: Vec<Source>,
    /// One more than the highest parameter.
    pub parameters: usize,
}

pub(crate) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare {
        field: usize,
        op: Op,
        with: Operand,
    },
    Like {
        field: usize,
        pattern: usize,
    },
    /// The bounds are constants.
    Between {
        field: usize,
        not: bool,
        low: usize,
        high: usize,
    },
}

#[derive(Clone, Copy)]
pub(crate) enum Operand {
    Field(usize),
    Constant(usize),
}

pub(crate) enum Source {
    Literal(Constant),
    Parameter(usize, Expected),
}

impl Program {
    pub fn new(ty: &TypeDescriptor, expression: &str) -> Result<Self, FilterError> {
        let fields = Fields::new(ty)?;
        let mut checker = Checker { text: expression, fields, sources: Vec::new(), parameters: 0 };
        let root = parse::expression(expression)
            .and_then(|expr| checker.node(&expr))
            .map_err(|problem| FilterError::Expression(problem.diagnostic(FILE, expression)))?;
        let Checker { fields, sources, parameters, .. } = checker;
        Ok(Self { root, fields, sources, parameters })
    }

    /// The constants with these parameters.
    pub fn constants(&self, parameters: &[String]) -> Result<Vec<Constant>, FilterError> {
        if parameters.len() != self.parameters {
            let (needed, given) = (self.parameters, parameters.len());
            return Err(FilterError::Parameters { needed, given });
        }
        let constant = |source: &Source| match source {
            Source::Literal(constant) => Ok(constant.clone()),
            Source::Parameter(index, expected) => {
                let text = &parameters[*index];
                expected.parameter(text).map_err(|problem| FilterError::Parameter {
                    index: *index,
                    diagnostic: problem.diagnostic(&format!("parameter %{index}"), text),
                })
            }
        };
        self.sources.iter().map(constant).collect()
    }
}

struct Checker<'a> {
    text: &'a str,
    fields: Fields,
    sources: Vec<Source>,
    parameters: usize,
}

/// A side of a predicate.
enum Side<'t> {
    Field(usize, FieldType),
    Value,
    /// A single name that is no member: perhaps an enumerator.
    Unknown(&'t Term, Problem),
}

impl Checker<'_> {
    fn node(&mut self, expr: &Expr) -> Result<Node, Problem> {
        Ok(match expr {
            Expr::And(list) => Node::And(self.nodes(list)?),
            Expr::Or(list) => Node::Or(self.nodes(list)?),
            Expr::Not(inner) => Node::Not(Box::new(self.node(inner)?)),
            Expr::Compare { left, op, right } => self.compare(left, *op, right)?,
            Expr::Like { text, pattern } => {
                let (field, ty) = self.field(text)?;
                if !matches!(ty, FieldType::Text | FieldType::Char) {
                    let message = format!(
                        "LIKE compares texts, `{}` is {}",
                        self.written(text),
                        describe(&ty)
                    );
                    return Err(Problem::new(text.span.clone(), message)
                        .help("write a comparison with = < or >"));
                }
                let pattern = self.constant(pattern, text, ty, true)?;
                Node::Like { field, pattern }
            }
            Expr::Between { value, not, low, high } => {
                let (field, ty) = self.field(value)?;
                let low = self.constant(low, value, ty.clone(), false)?;
                let high = self.constant(high, value, ty, false)?;
                Node::Between { field, not: *not, low, high }
            }
        })
    }

    fn nodes(&mut self, list: &[Expr]) -> Result<Vec<Node>, Problem> {
        list.iter().map(|expr| self.node(expr)).collect()
    }

    fn compare(&mut self, left: &Term, op: Op, right: &Term) -> Result<Node, Problem> {
        let (a, b) = (self.side(left)?, self.side(right)?);
        match (a, b) {
            (Side::Field(field, ty), Side::Field(other, other_ty)) => {
                if !comparable(&ty, &other_ty) {
                    let message = format!(
                        "`{}` is {}, `{}` is {}: they cannot be compared",
                        self.written(left),
                        describe(&ty),
                        self.written(right),
                        describe(&other_ty)
                    );
                    return Err(Problem::new(left.span.start..right.span.end, message)
                        .help("compare fields of like types, or a field with a value"));
                }
                Ok(Node::Compare { field, op, with: Operand::Field(other) })
            }
            (Side::Field(field, ty), other) => self.with(field, ty, left, op, right, other),
            (other, Side::Field(field, ty)) => {
                self.with(field, ty, right, op.flipped(), left, other)
            }
            (Side::Unknown(_, problem), _) | (_, Side::Unknown(_, problem)) => Err(problem),
            (Side::Value, Side::Value) => {
                let span = left.span.start..right.span.end;
                Err(Problem::new(span, "neither side is a field of the type")
                    .help("compare a field with a value: `speed > 3`"))
            }
        }
    }

    /// A field compared with something that is none.
    fn with(
        &mut self,
        field: usize,
        ty: FieldType,
        of: &Term,
        op: Op,
        value: &Term,
        side: Side<'_>,
    ) -> Result<Node, Problem> {
        if let Side::Unknown(term, problem) = side
            && !matches!(ty, FieldType::Enum { .. })
        {
            return Err(match ty {
                FieldType::Text | FieldType::Char => {
                    let name = self.written(term);
                    let help = problem.help.clone().unwrap_or_default();
                    problem.help(format!("{help}; a text stands in single quotes: '{name}'"))
                }
                _ => problem,
            });
        }
        let with = Operand::Constant(self.constant(value, of, ty, false)?);
        Ok(Node::Compare { field, op, with })
    }

    fn side<'t>(&mut self, term: &'t Term) -> Result<Side<'t>, Problem> {
        let TermKind::Path(path) = &term.kind else { return Ok(Side::Value) };
        match self.path(path) {
            Ok((slot, ty)) => Ok(Side::Field(slot, ty)),
            Err(problem) if path.len() == 1 && !self.is_member(path) => {
                Ok(Side::Unknown(term, problem))
            }
            Err(problem) => Err(problem),
        }
    }

    /// Whether a path of one name leads into the type, if not to a single value.
    fn is_member(&mut self, path: &[(FieldStep, std::ops::Range<usize>)]) -> bool {
        self.fields.clone().add(&steps(path)).err().is_some_and(|error| error.step > 0)
    }

    fn path(
        &mut self,
        path: &[(FieldStep, std::ops::Range<usize>)],
    ) -> Result<(usize, FieldType), Problem> {
        let steps = steps(path);
        let slot = self.fields.add(&steps).map_err(|error| {
            let whole = path.first().map_or(0, |(_, span)| span.start);
            let span = match path.get(error.step) {
                // The dot in front of a name is not wrong.
                Some((FieldStep::Member(name), span)) => span.end - name.len()..span.end,
                Some((FieldStep::Index(_), span)) => span.clone(),
                None => whole..path.last().map_or(0, |(_, span)| span.end),
            };
            Problem { span, message: error.message, help: error.help }
        })?;
        let ty = self.fields.get(slot).map_or(FieldType::Bool, |field| field.ty.clone());
        Ok((slot, ty))
    }

    /// A term that must be a field.
    fn field(&mut self, term: &Term) -> Result<(usize, FieldType), Problem> {
        match &term.kind {
            TermKind::Path(path) => self.path(path),
            _ => Err(Problem::new(term.span.clone(), "expected a field")
                .help("the field stands first: `speed BETWEEN 1 AND 3`, `name LIKE 'a%'`")),
        }
    }

    /// A value that stands beside the field `of`.
    fn constant(
        &mut self,
        value: &Term,
        of: &Term,
        ty: FieldType,
        like: bool,
    ) -> Result<usize, Problem> {
        let expected = Expected { field: self.written(of), ty, like };
        let source = match value.kind {
            TermKind::Parameter(n) => {
                self.parameters = self.parameters.max(n + 1);
                Source::Parameter(n, expected)
            }
            _ => Source::Literal(expected.constant(value)?),
        };
        self.sources.push(source);
        Ok(self.sources.len() - 1)
    }

    fn written(&self, term: &Term) -> String {
        self.text.get(term.span.clone()).unwrap_or_default().to_owned()
    }
}

fn steps(path: &[(FieldStep, std::ops::Range<usize>)]) -> Vec<FieldStep> {
    path.iter().map(|(step, _)| step.clone()).collect()
}

fn comparable(a: &FieldType, b: &FieldType) -> bool {
    let number = |ty: &FieldType| {
        matches!(ty, FieldType::I64 | FieldType::U64 | FieldType::F32 | FieldType::F64)
    };
    let integer = |ty: &FieldType| matches!(ty, FieldType::I64 | FieldType::U64);
    let text = |ty: &FieldType| matches!(ty, FieldType::Text | FieldType::Char);
    match (a, b) {
        (FieldType::Bool, FieldType::Bool) => true,
        (FieldType::Enum { name: a, .. }, FieldType::Enum { name: b, .. }) => a == b,
        (FieldType::Enum { .. }, other) | (other, FieldType::Enum { .. }) => integer(other),
        _ => (number(a) && number(b)) || (text(a) && text(b)),
    }
}
