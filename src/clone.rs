//! Copies that use memory again. A sweep plays its seeds one after the other in one cluster, which is set
//! back to its beginning with `clone_from`; what the last run has grown serves the next one.

/// `Clone` for a struct, field by field in `clone_from` as well, where `derive` would allocate anew.
macro_rules! clone_by_field {
    ([$($generics:tt)*] $type:ty { $($field:ident),* $(,)? }) => {
        impl<$($generics)*> Clone for $type {
            fn clone(&self) -> Self {
                Self { $($field: self.$field.clone()),* }
            }

            fn clone_from(&mut self, source: &Self) {
                $(self.$field.clone_from(&source.$field);)*
            }
        }
    };
}

pub(crate) use clone_by_field;
