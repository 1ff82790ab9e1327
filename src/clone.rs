//! Copies that reuse memory. A sweep plays its seeds one after another in one cluster, which
//! `clone_from` sets back to its initial state; the next run reuses the memory that the last one
//! allocated.

use std::sync::Arc;

/// Implements `Clone` for a struct, with a `clone_from` that works field by field; a derived one
/// allocates anew.
///
/// Resetting a cluster after a run of a microsecond must not take another microsecond, so some
/// kinds of field are treated separately: `copied` ones, collections that are mostly `empty`,
/// `shared` ones (`Arc`s that clones have in common, whose reference counts need no update), and
/// `lists` of these, and what is `optional` and mostly absent. The method `mend` replaces fields
/// that a clone must not take over.
macro_rules! clone_by_field {
    (
        [$($generics:tt)*] $type:ty { $($field:ident),* $(,)? }
        $(copied { $($copied:ident),* $(,)? })?
        $(empty { $($empty:ident),* $(,)? })?
        $(shared { $($shared:ident),* $(,)? })?
        $(lists { $($list:ident),* $(,)? })?
        $(optional { $($optional:ident),* $(,)? })?
        $(mend $mend:ident)?
    ) => {
        impl<$($generics)*> Clone for $type {
            fn clone(&self) -> Self {
                #[allow(unused_mut)] // used only with `mend`
                let mut clone = Self {
                    $($field: self.$field.clone(),)*
                    $($($copied: self.$copied,)*)?
                    $($($empty: self.$empty.clone(),)*)?
                    $($($shared: std::sync::Arc::clone(&self.$shared),)*)?
                    $($($list: self.$list.clone(),)*)?
                    $($($optional: self.$optional.clone(),)*)?
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
                $($(if self.$optional.is_some() || source.$optional.is_some() {
                    self.$optional.clone_from(&source.$optional);
                })*)?
                $(self.$mend();)?
            }
        }
    };
}

/// Assigns a list of shared values; elements that both lists have in common are left as they are.
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
