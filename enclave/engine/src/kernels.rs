//! Arithmetic: products with quantised matrices and the functions between them, for the instruction
//! sets a processor has, with the same bits on all of them.
//!
//! Sums of integers are exact in any order, and operations on floats happen in one fixed order: per
//! output, group after group of inputs, fused where written fused. So an answer depends neither on the
//! processor, nor on the number of threads, nor on what else is computed in the same call.

#![expect(unsafe_code, reason = "vector instructions, and threads that share a borrowed task")]
#![cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the architecture moves over to these kernels next"
    )
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod decode;
pub(crate) mod elementwise;
mod form;
mod layout;
mod matrix;
mod pool;
mod product;
mod rows;
mod scalar;
#[cfg(test)]
mod tests;
mod tile;
mod vector;

pub(crate) use form::Form;
pub(crate) use matrix::{Matrix, PackError};
pub(crate) use pool::Pool;
pub(crate) use product::{project, project_onto};
pub(crate) use rows::Rows;
