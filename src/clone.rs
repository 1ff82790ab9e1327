//! Copies that use memory again. A sweep plays its seeds one after the other in one cluster, which is set
//! back to its beginning with `clone_from`; what the last run has grown serves the next one.

use std::sync::Arc;

/// `Clone` for a struct, field by field in `clone_from` as well, where `derive` would allocate anew.
///
/// To set back a cluster that played for a microsecond must not take another one, so some kinds of field have a
/// way of their own: what can be `copied`, collections that are mostly `empty`, what clones have `shared`
/// since they were made and need not count references to again, and `lists` of that. A method can `mend` what must
/// not be the other's.
macro_rules! clone_by_field {
    (
        [$($generics:tt)*] $type:ty { $($field:ident),* $(,)? }
        $(copied { $($copied:ident),* $(,)? })?
        $(empty { $($empty:ident),* $(,)? })?
        $(shared { $($shared:ident),* $(,)? })?
        $(lists { $($list:ident),* $(,)? })?
        $(mend $mend:ident)?
    ) => {
        impl<$($generics)*> Clone for $type {
            fn clone(&self) -> Self {
                #[allow(unused_mut)] // unless there is something to mend
                let mut clone = Self {
                    $($field: self.$field.clone(),)*
                    $($($copied: self.$copied,)*)?
                    $($($empty: self.$empty.clone(),)*)?
                    $($($shared: std::sync::Arc::clone(&self.$shared),)*)?
                    $($($list: self.$list.clone(),)*)?
                };
                $(clone.$mend();)?
                clone
            }

            #[inline]
            fn clone_from(&mut self, source: &Self) {
                $(self.$field.clone_from(&source.$field);)*
                $($(self.$copied = source.$copied;)*)?
                $($(if !(self.$empty.is_empty() && source.$empty.is_empty()) {
                    self.$empty.clone_from(&source.$empty);
                })*)?
                $($(if !std::sync::Arc::ptr_eq(&self.$shared, &source.$shared) {
                    self.$shared.clone_from(&source.$shared);
                })*)?
                $($($crate::clone::list_from(&mut self.$list, &source.$list);)*)?
                $(self.$mend();)?
            }
        }
    };
}

/// A list of what is shared becomes another one; what both have stays where it is.
pub(crate) fn list_from<T>(list: &mut Vec<Arc<T>>, source: &[Arc<T>]) {
    list.truncate(source.len());
    for (mine, theirs) in list.iter_mut().zip(source) {
        if !Arc::ptr_eq(mine, theirs) {
            mine.clone_from(theirs);
        }
    }
    list.extend_from_slice(&source[list.len()..]);
}

pub(crate) use clone_by_field;
