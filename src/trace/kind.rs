//! What a table is and what a column can hold, for whoever reads the schema at run time.

/// A table, as documentation and Python see it.
#[derive(Clone, Copy, Debug)]
pub struct TableSchema {
    /// Its name.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// Its columns in order.
    pub columns: &'static [Column],
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name; a time has its unit in it.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
    /// How many bytes a cell takes in the recorder.
    pub width: usize,
    /// The unit; empty if there is none.
    pub unit: &'static str,
    /// What a cell says, and what it holds when there is nothing to say.
    pub meaning: &'static str,
}

/// What the cells of a column are, in memory and in Arrow.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A moment in milliseconds; NaN, in Arrow null, means never, or not yet.
    Time,
    /// A term: signed, so that differences do not wrap.
    Int,
    /// An index or a count, signed as well. What is larger than fits, as only a liar can claim, stands there as
    /// the largest that does.
    Count,
    /// A hash, an identifier: 64 bits that nobody computes with.
    Word,
    /// Yes or no.
    Flag,
    /// A node by its position; [`NOBODY`] is null.
    Node,
    /// One of these names, by its position.
    Name(&'static [&'static str]),
    /// What an event says of itself, by its position in [`super::Recorder::details`]; [`NO_LABEL`] is
    /// null.
    Detail,
    /// Why an operation failed, by its position in [`super::Recorder::reasons`]; [`NO_LABEL`] is null.
    Reason,
    /// A key of the store by its number; [`NO_NUMBER`] is null.
    Key,
    /// A value of the store by its number; [`NO_NUMBER`] is null.
    Value,
    /// What a client was told; see [`super::ops`].
    Answer,
    /// Free text, by its position among those that the recorder was given.
    Text,
    /// A row of another table, by its number; [`super::store::NO_ROW`] is none.
    Row,
}

/// No node.
pub const NOBODY: i16 = -1;
/// No detail, or no reason.
pub const NO_LABEL: i16 = -1;
/// No key, or no value.
pub const NO_NUMBER: u32 = u32::MAX;

impl Kind {
    /// The type of the column in Arrow.
    pub fn arrow(self) -> &'static str {
        match self {
            Kind::Time => "float64",
            Kind::Int => "int64",
            Kind::Count => "int32",
            Kind::Word => "uint64",
            Kind::Flag => "boolean",
            Kind::Name(_) => "dictionary(int8, utf8)",
            Kind::Node | Kind::Detail | Kind::Reason => "dictionary(int16, utf8)",
            Kind::Key => "dictionary(int32, utf8)",
            Kind::Value | Kind::Answer | Kind::Text => "utf8",
            Kind::Row => "uint32",
        }
    }
}
