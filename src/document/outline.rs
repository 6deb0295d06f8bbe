//! What the readers ask of a document, of which [`crate::schema`] makes JSON Schemas.
//!
//! Nobody writes an outline down: the readers themselves are run over a value that answers every question
//! ([`super::walk::At::everything`]), and what they ask for is kept. So no field, no word and no nesting can be in one and not in
//! the other. What fields demand of one another is the readers' alone, but for [`Rule`].

use std::cell::RefCell;
use std::rc::Rc;

use super::form::Form;

/// What a reader asks of one value: one shape, or several of which any will do.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    shapes: Rc<RefCell<Vec<Shape>>>,
}

/// One shape of a value.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A single value with a form.
    Single(&'static Form),
    /// One of these words.
    Words(Vec<&'static str>),
    /// `true` or `false`.
    Boolean,
    /// A list of such values.
    List(Outline),
    /// A map with fields of ours, and no others.
    Map(MapOutline),
    /// A map whose keys are the user's own.
    Keyed {
        /// The keys' form.
        keys: &'static Form,
        /// The values.
        value: Outline,
    },
}

/// The fields of a map.
#[derive(Clone, Debug, Default)]
pub struct MapOutline {
    /// In the order in which they are asked for.
    pub fields: Vec<FieldOutline>,
    /// What they demand of one another.
    pub rules: Vec<Rule>,
}

/// A field.
#[derive(Clone, Debug)]
pub struct FieldOutline {
    /// Name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// What it means, for the person who writes it.
    pub what: &'static str,
    /// Its value.
    pub value: Outline,
}

/// What fields of one map demand of one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Exactly one of them is written.
    One(&'static [&'static str]),
    /// At most one of the two is written.
    NotBoth([&'static str; 2]),
    /// All are written or none.
    Together(&'static [&'static str]),
}

impl Outline {
    /// The shapes, of which any will do; none: nothing is asked of the value.
    #[must_use]
    pub fn shapes(&self) -> Vec<Shape> {
        self.shapes.borrow().clone()
    }

    pub(super) fn add(&self, shape: Shape) {
        self.shapes.borrow_mut().push(shape);
    }
}
