//! Arithmetic: products with quantised matrices and the functions between them, for the instruction
//! sets a processor has, with the same bits on all of them.
//!
//! Sums of integers are exact in any order, and operations on floats happen in one fixed order: per
//! output, group after group of inputs, fused where written fused. So an answer depends neither on the
//! processor, nor on the number of threads, nor on what else is computed in the same call.

#![expect(unsafe_code, reason = "vector instructions, and threads that share a borrowed task")]

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod decode;
mod elementwise;
mod form;
mod layout;
mod logits;
mod matrix;
mod pool;
mod product;
mod rows;
mod scalar;
mod slab;
#[cfg(test)]
mod tests;
mod tile;
mod vector;

pub(crate) use attention::{PAGE, QUERIES, View, attend};
pub(crate) use elementwise::{gate_silu, rms_norm};
pub(crate) use form::Form;
pub(crate) use logits::{greatest, log_sum_exp, weights};
pub(crate) use matrix::Matrix;
#[cfg(test)]
use matrix::PackError;
pub(crate) use pool::Pool;
pub(crate) use product::{project, project_onto};
pub(crate) use rows::{Rounding, Rows};
pub(crate) use slab::Slab;
