//! Decompositions, from faer, always on one thread: the order of a sum must not depend on the
//! machine's cores.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{evd, qr, svd};
use faer::prelude::default;
use faer::{Accum, Conj, Mat, MatRef, Par};
use thiserror::Error;

use crate::error::StatisticsError;

/// Why a decomposition, or what stands on it, gives no result.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum LinearError {
    /// The values themselves cannot be used.
    #[error(transparent)]
    Values(#[from] StatisticsError),
    /// The iteration for eigenvalues or singular values did not end.
    #[error("{what}: the decomposition did not converge; look for values of extreme size")]
    NoConvergence {
        /// What was decomposed.
        what: &'static str,
    },
    /// Columns say nearly the same, so that their coefficients cannot be told apart.
    #[error(
        "column {column} of the design follows from the others (condition number {condition:.1e}): \
         leave it out, or measure where it varies on its own"
    )]
    Dependent {
        /// The column that pivoting left to the end, from 0; the intercept counts as a column.
        column: usize,
        /// Estimated condition number of the design with columns of equal length.
        condition: f64,
    },
}

/// `AᵀA`.
pub(crate) fn gram(a: MatRef<'_, f64>) -> Mat<f64> {
    let mut gram = Mat::zeros(a.ncols(), a.ncols());
    triangular::matmul(
        gram.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        a.transpose(),
        BlockStructure::Rectangular,
        a,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    mirror(&mut gram);
    gram
}

/// Copies the lower triangle to the upper one.
pub(crate) fn mirror(matrix: &mut Mat<f64>) {
    for column in 1..matrix.ncols() {
        for row in 0..column {
            matrix[(row, column)] = matrix[(column, row)];
        }
    }
}

/// `A B`.
pub(crate) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut product = Mat::zeros(a.nrows(), b.ncols());
    matmul(product.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq);
    product
}

/// Eigenvalues of a symmetric matrix in ascending order, and its eigenvectors as columns.
pub(crate) fn symmetric_eigen(
    what: &'static str,
    matrix: MatRef<'_, f64>,
) -> Result<(Vec<f64>, Mat<f64>), LinearError> {
    let n = matrix.nrows();
    let mut vectors = Mat::zeros(n, n);
    let values = eigen(what, matrix, Some(&mut vectors))?;
    Ok((values, vectors))
}

/// Eigenvalues of a symmetric matrix in ascending order.
pub(crate) fn symmetric_eigenvalues(
    what: &'static str,
    matrix: MatRef<'_, f64>,
) -> Result<Vec<f64>, LinearError> {
    eigen(what, matrix, None)
}

fn eigen(
    what: &'static str,
    matrix: MatRef<'_, f64>,
    vectors: Option<&mut Mat<f64>>,
) -> Result<Vec<f64>, LinearError> {
    let n = matrix.nrows();
    let mut values = Diag::zeros(n);
    let wanted = match vectors {
        Some(_) => evd::ComputeEigenvectors::Yes,
        None => evd::ComputeEigenvectors::No,
    };
    let scratch = evd::self_adjoint_evd_scratch::<f64>(n, wanted, Par::Seq, default());
    evd::self_adjoint_evd(
        matrix,
        values.as_mut(),
        vectors.map(Mat::as_mut),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        default(),
    )
    .map_err(|_| LinearError::NoConvergence { what })?;
    let mut values: Vec<f64> = values.column_vector().iter().copied().collect();
    if wanted == evd::ComputeEigenvectors::No {
        values.sort_by(f64::total_cmp);
    }
    Ok(values)
}

/// Sum of the singular values.
pub(crate) fn nuclear_norm(
    what: &'static str,
    matrix: MatRef<'_, f64>,
) -> Result<f64, LinearError> {
    let (rows, columns) = matrix.shape();
    let mut values = Diag::zeros(rows.min(columns));
    let no = svd::ComputeSvdVectors::No;
    let scratch = svd::svd_scratch::<f64>(rows, columns, no, no, Par::Seq, default());
    svd::svd(
        matrix,
        values.as_mut(),
        None,
        None,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        default(),
    )
    .map_err(|_| LinearError::NoConvergence { what })?;
    Ok(values.column_vector().iter().sum())
}

/// The triangular factor `R` of `A = Q R`, for a matrix with at least as many rows as columns.
pub(crate) fn triangular_factor(mut a: Mat<f64>) -> Mat<f64> {
    let (rows, columns) = a.shape();
    let block = qr::no_pivoting::factor::recommended_block_size::<f64>(rows, columns);
    let mut reflectors = Mat::zeros(block, columns);
    let scratch = qr::no_pivoting::factor::qr_in_place_scratch::<f64>(
        rows,
        columns,
        block,
        Par::Seq,
        default(),
    );
    qr::no_pivoting::factor::qr_in_place(
        a.as_mut(),
        reflectors.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        default(),
    );
    Mat::from_fn(columns, columns, |row, column| {
        if row <= column { a[(row, column)] } else { 0.0 }
    })
}

/// `A P = Q R` with the largest remaining column first.
pub(crate) struct PivotedQr {
    /// `R` in the upper triangle, the reflectors' directions below.
    factors: Mat<f64>,
    reflectors: Mat<f64>,
    /// Original column at each position.
    pub(crate) order: Vec<usize>,
}

impl PivotedQr {
    /// Decomposes a matrix with at least as many rows as columns.
    pub(crate) fn of(mut a: Mat<f64>) -> Self {
        let (rows, columns) = a.shape();
        let block = qr::no_pivoting::factor::recommended_block_size::<f64>(rows, columns);
        let mut reflectors = Mat::zeros(block, columns);
        let (mut order, mut inverse) = (vec![0usize; columns], vec![0usize; columns]);
        let scratch = qr::col_pivoting::factor::qr_in_place_scratch::<usize, f64>(
            rows,
            columns,
            block,
            Par::Seq,
            default(),
        );
        qr::col_pivoting::factor::qr_in_place(
            a.as_mut(),
            reflectors.as_mut(),
            &mut order,
            &mut inverse,
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            default(),
        );
        Self {
            factors: a,
            reflectors,
            order,
        }
    }

    fn columns(&self) -> usize {
        self.factors.ncols()
    }

    /// An entry of `R`.
    pub(crate) fn r(&self, row: usize, column: usize) -> f64 {
        self.factors[(row, column)]
    }

    /// `Qᵀ y`, of which the first entries belong to the columns and the rest to the residuals.
    pub(crate) fn rotate(&self, y: &mut Mat<f64>) {
        use faer::linalg::householder as reflect;
        let block = self.reflectors.nrows();
        let scratch =
            reflect::apply_block_householder_sequence_transpose_on_the_left_in_place_scratch::<f64>(
                self.factors.nrows(),
                block,
                y.ncols(),
            );
        reflect::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
            self.factors.as_ref(),
            self.reflectors.as_ref(),
            Conj::No,
            y.as_mut(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
    }

    /// Solves `R x = b` in place.
    pub(crate) fn solve_upper(&self, b: &mut [f64]) {
        for row in (0..self.columns()).rev() {
            let sum: f64 = (row + 1..self.columns())
                .map(|col| self.r(row, col) * b[col])
                .sum();
            b[row] = (b[row] - sum) / self.r(row, row);
        }
    }

    /// Solves `Rᵀ x = b` in place.
    pub(crate) fn solve_lower(&self, b: &mut [f64]) {
        for row in 0..self.columns() {
            let sum: f64 = (0..row).map(|col| self.r(col, row) * b[col]).sum();
            b[row] = (b[row] - sum) / self.r(row, row);
        }
    }
}

/// `A = L Lᵀ` of a positive definite matrix.
pub(crate) struct Cholesky {
    lower: Mat<f64>,
}

impl Cholesky {
    /// Decomposes a symmetric matrix, of which the lower triangle is read. None where it is not
    /// positive definite.
    pub(crate) fn of(mut a: Mat<f64>) -> Option<Self> {
        use faer::linalg::cholesky::llt::factor;
        let n = a.nrows();
        let scratch = factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, default());
        factor::cholesky_in_place(
            a.as_mut(),
            default(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            default(),
        )
        .ok()?;
        Some(Self { lower: a })
    }

    /// Logarithm of the determinant of A.
    pub(crate) fn log_determinant(&self) -> f64 {
        let diagonal = (0..self.lower.nrows()).map(|index| self.lower[(index, index)]);
        2.0 * diagonal.map(libm::log).sum::<f64>()
    }

    /// Solves `L x = b` in place; `‖x‖²` is then `bᵀ A⁻¹ b`.
    pub(crate) fn whiten(&self, b: &mut [f64]) {
        for column in 0..b.len() {
            let value = b[column] / self.lower[(column, column)];
            b[column] = value;
            for (row, rest) in b.iter_mut().enumerate().skip(column + 1) {
                *rest -= self.lower[(row, column)] * value;
            }
        }
    }
}
