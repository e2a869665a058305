//! A filter: an expression, its parameters, and a type.

use std::fmt;
use std::sync::Arc;

use tidewire_idl::cdr::FieldValue;
use tidewire_idl::{CdrError, TypeDescriptor};

use crate::check::Program;
use crate::constant::Constant;
use crate::error::{FILE, FilterError};
use crate::eval::Sample;
use crate::parse;

/// Fields for which there is room without allocating.
const FEW: usize = 6;

/// A filter expression (DDS 1.4, annex B) on samples of one type: for readers that are to get part of
/// a topic, and for callers that choose among what they have taken, as with a QueryCondition.
///
/// Cheap to clone. The page of the [crate](crate) tells the grammar and what it means.
///
/// ```
/// use tidewire_filter::Filter;
/// use tidewire_idl::{Encoding, TypeSupport};
/// use tidewire_types::sensor::Imu;
///
/// let hard = Filter::new(&Imu::descriptor(), "linear_acceleration[2] NOT BETWEEN -20 AND 20", &[])?;
/// let mut payload = Vec::new();
/// Imu { linear_acceleration: [0.0, 0.0, 31.5], ..Default::default() }
///     .encode(Encoding::default(), &mut payload);
/// assert!(hard.matches(&payload)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Filter {
    expression: Arc<str>,
    parameters: Arc<[String]>,
    program: Arc<Program>,
    constants: Arc<[Constant]>,
    /// Whether a serialised key says anything.
    on_key: bool,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("expression", &self.expression)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Filter {
    /// Reads an expression and checks it and its parameters (the values of `%0`, `%1`…) against a
    /// type.
    ///
    /// Parameters are written as values are in the expression; for a string the quotes may be left
    /// out.
    ///
    /// # Errors
    /// A wrong expression or parameter, with place and remedy; too few or too many parameters.
    pub fn new(
        ty: &TypeDescriptor,
        expression: &str,
        parameters: &[&str],
    ) -> Result<Self, FilterError> {
        let program = Program::new(ty, expression)?;
        let parameters = owned(parameters);
        let constants = program.constants(&parameters)?.into();
        let fields = &program.fields;
        let on_key = (0..fields.len()).any(|i| fields.get(i).is_some_and(|field| field.key));
        Ok(Self {
            expression: expression.into(),
            parameters,
            program: Arc::new(program),
            constants,
            on_key,
        })
    }

    /// Whether an expression keeps to the grammar, where the type is not known yet.
    ///
    /// # Errors
    /// A wrong expression, with place and remedy.
    pub fn check_grammar(expression: &str) -> Result<(), FilterError> {
        match parse::expression(expression) {
            Ok(_) => Ok(()),
            Err(problem) => Err(FilterError::Expression(problem.diagnostic(FILE, expression))),
        }
    }

    /// The expression.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The parameters in force.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// Changes all parameters at once (`set_expression_parameters`, DDS 1.4, 2.2.2.3.3.2).
    ///
    /// # Errors
    /// As [`Self::new`]; the old ones then stay.
    pub fn set_parameters(&mut self, parameters: &[&str]) -> Result<(), FilterError> {
        let parameters = owned(parameters);
        self.constants = self.program.constants(&parameters)?.into();
        self.parameters = parameters;
        Ok(())
    }

    /// Whether a sample passes: a payload with its encapsulation header, in any encoding.
    ///
    /// # Errors
    /// Bytes that are no sample of the type, as far as they were looked at.
    pub fn matches(&self, payload: &[u8]) -> Result<bool, CdrError> {
        match self.program.fields.len() {
            0..=1 => self.matches_in(payload, &mut [const { FieldValue::Null }; 1]),
            2..=FEW => self.matches_in(payload, &mut [const { FieldValue::Null }; FEW]),
            count => self.matches_in(payload, &mut vec![FieldValue::Null; count]),
        }
    }

    /// Whether the samples of an instance can pass, from its serialised key as a dispose carries it;
    /// `None` where other fields than the key decide.
    ///
    /// # Errors
    /// Bytes that are no key of the type.
    pub fn matches_key(&self, key_payload: &[u8]) -> Result<Option<bool>, CdrError> {
        if !self.on_key {
            return Ok(None);
        }
        let mut values = vec![FieldValue::Null; self.program.fields.len()];
        self.program.fields.read_key(key_payload, &mut values)?;
        Ok(self.evaluate::<true>(&values))
    }

    /// `room` has a place for each field, at least.
    fn matches_in<'p>(
        &self,
        payload: &'p [u8],
        room: &mut [FieldValue<'p>],
    ) -> Result<bool, CdrError> {
        self.program.fields.read(payload, room)?;
        Ok(self.evaluate::<false>(room).unwrap_or(false))
    }

    fn evaluate<const KEY: bool>(&self, values: &[FieldValue<'_>]) -> Option<bool> {
        let Self { program, constants, .. } = self;
        Sample::<KEY> { program, constants, values }.is(&program.root)
    }
}

fn owned(parameters: &[&str]) -> Arc<[String]> {
    parameters.iter().map(|parameter| (*parameter).to_owned()).collect()
}
