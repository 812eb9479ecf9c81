use proptest::prelude::*;

use super::*;

const NORRIS_X: [f64; 36] = [
    0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5,
    666.9, 338.0, 447.5, 11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2,
    999.0, 779.0, 11.1, 118.3, 229.2, 669.1, 448.9, 0.5,
];
const NORRIS_Y: [f64; 36] = [
    0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1,
    668.8, 339.3, 448.9, 10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0,
    998.5, 778.9, 10.2, 117.6, 228.9, 668.4, 449.2, 0.2,
];

fn line<'a>(columns: &'a [&'a [f64]]) -> Design<'a> {
    Design {
        columns,
        intercept: Intercept::Included,
    }
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found / expected - 1.0).abs() < tolerance,
        "{found} for {expected}"
    );
}

/// NIST StRD Norris, certified values; standard errors and the interval at 500 from statsmodels.
#[test]
fn norris() {
    let fit = ordinary(line(&[&NORRIS_X]), &NORRIS_Y).unwrap();
    assert_close(fit.coefficients[0], -0.262_323_073_774_029, 1e-9);
    assert_close(fit.coefficients[1], 1.002_116_818_020_45, 1e-9);
    assert_close(fit.residual_deviation, 0.884_796_396_144_373, 1e-9);
    assert_close(fit.standard_errors[0], 0.232_818_234_301_155_59, 1e-9);
    assert_close(fit.standard_errors[1], 0.000_429_796_848_199_942_6, 1e-9);
    assert_close(fit.r_squared, 0.999_993_745_883_711_7, 1e-12);
    let mean = fit.mean_interval(&[500.0], Level::P95).unwrap();
    assert_close(mean.value, 500.796_085_936_453, 1e-9);
    assert_close(mean.low, 500.488_196_471_533_34, 1e-9);
    assert_close(mean.high, 501.103_975_401_372_6, 1e-9);
    let new = fit.prediction_interval(&[500.0], Level::P95).unwrap();
    assert_close(new.low, 498.971_794_054_183_4, 1e-9);
    assert_close(new.high, 502.620_377_818_722_55, 1e-9);
}

/// NIST StRD Longley: six columns that nearly follow from each other.
#[test]
fn longley() {
    let y = [
        60323.0, 61122.0, 60171.0, 61187.0, 63221.0, 63639.0, 64989.0, 63761.0, 66019.0, 67857.0,
        68169.0, 66513.0, 68655.0, 69564.0, 69331.0, 70551.0,
    ];
    let deflator = [
        83.0, 88.5, 88.2, 89.5, 96.2, 98.1, 99.0, 100.0, 101.2, 104.6, 108.4, 110.8, 112.6, 114.2,
        115.7, 116.9,
    ];
    let product = [
        234_289.0, 259_426.0, 258_054.0, 284_599.0, 328_975.0, 346_999.0, 365_385.0, 363_112.0,
        397_469.0, 419_180.0, 442_769.0, 444_546.0, 482_704.0, 502_601.0, 518_173.0, 554_894.0,
    ];
    let unemployed = [
        2356.0, 2325.0, 3682.0, 3351.0, 2099.0, 1932.0, 1870.0, 3578.0, 2904.0, 2822.0, 2936.0,
        4681.0, 3813.0, 3931.0, 4806.0, 4007.0,
    ];
    let forces = [
        1590.0, 1456.0, 1616.0, 1650.0, 3099.0, 3594.0, 3547.0, 3350.0, 3048.0, 2857.0, 2798.0,
        2637.0, 2552.0, 2514.0, 2572.0, 2827.0,
    ];
    let population = [
        107_608.0, 108_632.0, 109_773.0, 110_929.0, 112_075.0, 113_270.0, 115_094.0, 116_219.0,
        117_388.0, 118_734.0, 120_445.0, 121_950.0, 123_366.0, 125_368.0, 127_852.0, 130_081.0,
    ];
    let year: Vec<f64> = (1947..=1962).map(f64::from).collect();
    let columns: [&[f64]; 6] = [
        &deflator,
        &product,
        &unemployed,
        &forces,
        &population,
        &year,
    ];
    let fit = ordinary(line(&columns), &y).unwrap();
    let certified = [
        (-3_482_258.634_595_82, 890_420.383_607_373),
        (15.061_872_271_373_3, 84.914_925_774_766_9),
        (-0.358_191_792_925_91e-1, 0.334_910_077_722_432e-1),
        (-2.020_229_803_816_83, 0.488_399_681_651_699),
        (-1.033_226_867_173_59, 0.214_274_163_161_675),
        (-0.511_041_056_535_807e-1, 0.226_073_200_069_37),
        (1_829.151_464_613_55, 455.478_499_142_212),
    ];
    for (index, (coefficient, standard_error)) in certified.into_iter().enumerate() {
        assert_close(fit.coefficients[index], coefficient, 1e-9);
        assert_close(fit.standard_errors[index], standard_error, 1e-9);
    }
    assert_close(fit.residual_deviation, 304.854_073_561_965, 1e-9);
    assert_close(fit.r_squared, 0.995_479_004_577_296, 1e-12);
    assert_eq!(fit.degrees_of_freedom, 9);
}

#[test]
fn a_column_that_follows_from_others_is_named() {
    let (a, b) = ([1.0, 2.0, 3.0, 5.0, 8.0], [2.0, 1.0, 0.0, 4.0, 4.0]);
    let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    let columns: [&[f64]; 3] = [&a, &b, &sum];
    let error = ordinary(line(&columns), &[1.0, 2.0, 4.0, 3.0, 7.0]).unwrap_err();
    assert!(matches!(error, LinearError::Dependent { .. }), "{error}");
    // A constant column beside the intercept, and one of zeros.
    assert!(ordinary(line(&[&[3.0; 5]]), &a).is_err());
    assert!(ordinary(line(&[&[0.0; 5]]), &a).is_err());
}

#[test]
fn weights_count_as_repetitions() {
    let (x, y) = ([0.0, 1.0, 2.0, 4.0], [1.0, 2.0, 2.0, 5.0]);
    let with_weights = weighted(line(&[&x]), &y, &[1.0, 3.0, 1.0, 2.0]).unwrap();
    let repeated_x = [0.0, 1.0, 1.0, 1.0, 2.0, 4.0, 4.0];
    let repeated = ordinary(line(&[&repeated_x]), &[1.0, 2.0, 2.0, 2.0, 2.0, 5.0, 5.0]).unwrap();
    for (found, expected) in with_weights.coefficients.iter().zip(&repeated.coefficients) {
        assert!((found - expected).abs() < 1e-13);
    }
    assert!((with_weights.r_squared - repeated.r_squared).abs() < 1e-13);
    assert!(weighted(line(&[&x]), &y, &[1.0, 0.0, 1.0, 1.0]).is_err());
}

#[test]
fn through_the_origin_by_hand() {
    // y = x + (1, −2, 1), which is orthogonal to x: b = Σxy / Σx² = 14 / 14.
    let design = Design {
        columns: &[&[1.0, 2.0, 3.0]],
        intercept: Intercept::None,
    };
    let fit = ordinary(design, &[2.0, 0.0, 4.0]).unwrap();
    assert!((fit.coefficients[0] - 1.0).abs() < 1e-14);
    // Residual squares 6 with two degrees; Σy² = 20.
    assert!((fit.residual_deviation - 3f64.sqrt()).abs() < 1e-14);
    assert!((fit.r_squared - 0.7).abs() < 1e-14);
    assert!((fit.standard_errors[0] - (3f64 / 14.0).sqrt()).abs() < 1e-14);
    let slope = fit.coefficient_interval(0, Level::P95).unwrap();
    assert!((slope.half_width() / fit.standard_errors[0] - 4.302_652_729_749_46).abs() < 1e-8);
    assert!(fit.predict(&[1.0, 2.0]).is_err() && fit.coefficient_interval(1, Level::P95).is_err());
}

#[test]
fn an_exact_line_leaves_nothing_and_too_few_points_are_refused() {
    let fit = ordinary(line(&[&[1.0, 2.0, 3.0]]), &[3.0, 5.0, 7.0]).unwrap();
    assert!(fit.residual_deviation < 1e-14 && (fit.coefficients[1] - 2.0).abs() < 1e-14);
    assert!(ordinary(line(&[&[1.0, 2.0]]), &[3.0, 5.0]).is_err());
    assert!(ordinary(line(&[&[1.0, 2.0]]), &[3.0, 5.0, 7.0]).is_err());
}

proptest! {
    #[test]
    fn residuals_are_orthogonal_to_the_columns(
        x in prop::collection::vec(-10.0..10.0f64, 12),
        z in prop::collection::vec(-10.0..10.0f64, 12),
        y in prop::collection::vec(-10.0..10.0f64, 12),
    ) {
        let fit = ordinary(line(&[&x, &z]), &y).unwrap();
        let residual = |row: usize| y[row] - fit.predict(&[x[row], z[row]]).unwrap();
        for column in [&[1.0; 12][..], &x, &z] {
            let product: f64 = column.iter().enumerate().map(|(row, value)| value * residual(row)).sum();
            prop_assert!(product.abs() < 1e-9, "{product}");
        }
        let squares: f64 = (0..12).map(|row| residual(row) * residual(row)).sum();
        prop_assert!((squares / 9.0 - fit.residual_deviation.powi(2)).abs() < 1e-9);
    }
}
