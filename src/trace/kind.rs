//! Descriptions of tables and columns, to read the schema at run time.

/// The description of a table, for documentation and Python.
#[derive(Clone, Copy, Debug)]
pub struct TableSchema {
    /// Its name.
    pub name: &'static str,
    /// What a row represents.
    pub doc: &'static str,
    /// Its columns in order.
    pub columns: &'static [Column],
}

/// The description of a column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, which includes the unit of a time.
    pub name: &'static str,
    /// The type of its cells.
    pub kind: Kind,
    /// The size of a cell in the recorder, in bytes.
    pub width: usize,
    /// The unit; empty if there is none.
    pub unit: &'static str,
    /// What a cell means, and when it is null.
    pub meaning: &'static str,
}

/// The type of a column's cells, in memory and in Arrow.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A time in milliseconds; NaN (null in Arrow) means never, or not yet.
    Time,
    /// A term: signed, so that differences do not wrap.
    Int,
    /// An index or a count, signed as well. Larger numbers, which only a liar can claim, are
    /// clamped to the maximum.
    Count,
    /// A hash or an identifier: 64 bits without arithmetic meaning.
    Word,
    /// True or false.
    Flag,
    /// A node by its position; [`NOBODY`] is null.
    Node,
    /// Nodes, as a bitmap; no nodes are null.
    Nodes,
    /// One of these names, by its position.
    Name(&'static [&'static str]),
    /// The detail of an event, by its position in [`super::Recorder::details`]; [`NO_LABEL`] is
    /// null.
    Detail,
    /// Why an operation failed, by its position in [`super::Recorder::reasons`]; [`NO_LABEL`] is
    /// null.
    Reason,
    /// A key of the store by its number; [`NO_NUMBER`] is null.
    Key,
    /// A value of the store by its number; [`NO_NUMBER`] is null.
    Value,
    /// An answer to a client; see [`super::ops`].
    Answer,
    /// Free text, by its position among the recorder's texts.
    Text,
    /// A row of a table, by its number; [`super::store::NO_ROW`] is null.
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
            Kind::Nodes | Kind::Value | Kind::Answer | Kind::Text => "utf8",
            Kind::Row => "uint32",
        }
    }
}
