//! Reference values: `scipy.stats` 1.17.1 (`t`, `norm`, `chi2`, `f`, `beta`, `binom`, `nct`); where
//! its digits do not suffice (chi-squared quantile at 300 degrees, tails of t at 10⁶), mpmath with 30.

use proptest::prelude::*;

use super::*;

fn close(got: f64, expected: f64, relative: f64) {
    assert!(
        (got - expected).abs() <= relative * expected.abs(),
        "got {got:e}, expected {expected:e}"
    );
}

/// `scipy.stats.t.ppf` at degrees 1, 2, 4, 9, 29, 1.5, 7.03, 999.
const STUDENT_T_QUANTILES: [(f64, [f64; 8]); 5] = [
    (
        0.9,
        [
            3.077_683_537_175_254_4,
            1.885_618_083_164_127_2,
            1.533_206_274_058_944,
            1.383_028_738_396_632_9,
            1.311_433_647_301_551,
            2.196_398_417_565_537_6,
            1.414_298_507_625_815_7,
            1.282_399_570_037_397_1,
        ],
    ),
    (
        0.95,
        [
            6.313_751_514_675_037,
            2.919_985_580_353_724_2,
            2.131_846_786_326_649_5,
            1.833_112_932_656_237,
            1.699_127_026_533_497_2,
            3.705_180_820_096_75,
            1.893_362_935_547_229_5,
            1.646_380_345_427_535,
        ],
    ),
    (
        0.975,
        [
            12.706_204_736_174_694,
            4.302_652_729_749_462,
            2.776_445_105_197_793_4,
            2.262_157_162_798_205,
            2.045_229_642_132_703,
            6.016_663_104_427_929,
            2.362_580_190_225_660_5,
            1.962_341_461_133_449_3,
        ],
    ),
    (
        0.995,
        [
            63.656_741_162_871_526,
            9.924_843_200_918_287,
            4.604_094_871_349_992,
            3.249_835_541_592_126,
            2.756_385_903_670_605,
            17.820_310_514_462_804,
            3.494_401_782_799_251,
            2.580_759_637_267_636_5,
        ],
    ),
    (
        0.9995,
        [
            636.619_248_768_789_7,
            31.599_054_576_445_365,
            8.610_301_581_379_522,
            4.780_912_585_931_217,
            3.659_405_019_466_374_8,
            82.847_446_703_663_69,
            5.394_740_798_714_913,
            3.300_292_440_398_766_6,
        ],
    ),
];

#[test]
fn student_t_quantiles_to_nine_digits_and_more() {
    let degrees = [1.0, 2.0, 4.0, 9.0, 29.0, 1.5, 7.03, 999.0];
    for (p, expected) in STUDENT_T_QUANTILES {
        for (degrees, expected) in degrees.into_iter().zip(expected) {
            close(student_t_quantile(p, degrees), expected, 1e-12);
        }
    }
    close(
        student_t_quantile(0.025, 7.03),
        -2.362_580_190_225_660_5,
        1e-11,
    );
    close(
        student_t_quantile(1e-6, 5.0),
        -24.771_029_720_515_948,
        1e-11,
    );
    close(
        student_t_quantile(0.5001, 3.0),
        2.720_699_091_105_033_5e-4,
        1e-11,
    );
    close(
        student_t_quantile(0.975, 1e5),
        1.959_987_707_534_608_6,
        1e-12,
    );
}

#[test]
fn student_t_tails() {
    close(
        student_t_upper_tail(2.65, 8.497_309_856_376_642),
        0.013_890_817_015_824_494,
        1e-12,
    );
    close(
        student_t_upper_tail(30.0, 3.0),
        4.067_640_213_581_979e-5,
        1e-12,
    );
    close(
        student_t_upper_tail(0.001, 1e6),
        0.499_601_057_885_824_54,
        1e-13,
    );
    close(
        student_t_upper_tail(5.0, 1e6),
        2.866_998_935_445_371e-7,
        1e-11,
    );
    close(student_t_cdf(f64::NEG_INFINITY, 3.0) + 1.0, 1.0, 0.0);
}

#[test]
fn normal_quantiles() {
    close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-14);
    close(normal_quantile(1e-8), -5.612_001_244_174_789, 1e-13);
    close(normal_quantile(0.3), -0.524_400_512_708_040_9, 1e-14);
    assert!(normal_quantile(0.5).abs() < 1e-16);
}

#[test]
fn chi_squared_quantiles_and_tails() {
    for (p, degrees, quantile, tail) in [
        (0.025, 4.0, 0.484_418_557_087_929_9, 0.508_932_257_844_997_5),
        (0.975, 9.5, 19.756_154_185_985_793, 0.963_821_101_302_954_8),
        (0.5, 1.0, 0.454_936_423_119_572, 0.069_279_883_221_201_71),
        (0.99, 300.0, 359.906_425_950_334_9, 1.0),
    ] {
        close(chi_squared_quantile(p, degrees), quantile, 1e-11);
        close(chi_squared_upper_tail(3.3, degrees), tail, 1e-12);
        close(chi_squared_cdf(quantile, degrees), p, 1e-11);
    }
}

#[test]
fn f_quantiles_and_tails() {
    for (p, between, within, quantile, tail) in [
        (
            0.95,
            2.0,
            27.0,
            3.354_130_828_529_196_4,
            0.025_814_681_956_580_345,
        ),
        (
            0.01,
            5.5,
            3.0,
            0.093_030_983_815_620_03,
            0.133_347_965_085_612_4,
        ),
        (0.5, 1.0, 1.0, 1.0, 0.289_000_708_639_711_2),
    ] {
        close(f_quantile(p, between, within), quantile, 1e-11);
        close(f_upper_tail(4.2, between, within), tail, 1e-12);
        close(f_cdf(quantile, between, within), p, 1e-11);
    }
}

#[test]
fn beta_quantiles() {
    for (p, a, b, quantile) in [
        (0.025, 940.0, 62.0, 0.922_406_127_764_585_3),
        (0.3, 0.5, 0.5, 0.206_107_373_853_763_4),
        (0.975, 1.0, 24_000.0, 1.536_914_988_394_138e-4),
        (0.025, 25_000.0, 25_001.0, 0.495_607_493_965_506_25),
    ] {
        close(beta_quantile(p, a, b), quantile, 1e-12);
    }
}

#[test]
fn binomial_tails() {
    close(binomial_cdf(9, 30, 0.5), 0.021_386_972_628_533_847, 1e-12);
    close(
        binomial_upper_tail(9, 30, 0.5),
        0.978_613_027_371_466_2,
        1e-12,
    );
    close(
        binomial_cdf(24_000, 50_000, 0.5),
        1.928_734_975_515_327_5e-19,
        1e-10,
    );
    close(
        binomial_cdf(49_500, 50_000, 0.99),
        0.506_036_861_614_195_4,
        1e-11,
    );
    close(
        binomial_cdf(267_700, 270_336, 0.99),
        0.905_585_103_268_387_9,
        1e-11,
    );
    close(
        binomial_cdf(500_000, 1_000_000, 0.5),
        0.500_398_942_180_665_4,
        1e-11,
    );
    assert_eq!(binomial_quantile(0.025, 10, 0.5), 2);
}

#[test]
fn noncentral_t_against_scipy() {
    for (t, degrees, noncentrality, expected) in [
        (1.5, 4.0, 2.0, 0.298_082_359_079_407_7),
        (-1.5, 4.0, -2.0, 0.701_917_640_920_592_3),
        (2.132, 4.0, 0.5, 0.889_445_993_011_005),
        (1.833, 9.0, 2.9, 0.152_042_387_802_581_8),
        (-1.0, 9.0, 1.0, 0.027_250_482_928_348_17),
        (0.0, 9.0, 1.0, 0.158_655_253_931_457_07),
        (1.7, 29.0, -0.3, 0.973_734_397_269_998_6),
    ] {
        let got = noncentral_t_cdf(t, degrees, noncentrality);
        assert!(
            (got - expected).abs() < 1e-10,
            "t {t}: got {got}, expected {expected}"
        );
    }
    // Where the normal approximation stands in, three digits are enough for a number of runs.
    assert!((noncentral_t_cdf(40.0, 7.03, 38.5) - 0.484_9).abs() < 0.02);
    assert!(noncentral_t_cdf(3.0, 50.0, 10.0) < 1e-9);
}

proptest! {
    #[test]
    fn a_quantile_and_its_probability_belong_together(
        p in 0.000_1..0.999_9,
        degrees in 0.8..500.0,
    ) {
        let t = student_t_quantile(p, degrees);
        prop_assert!((student_t_cdf(t, degrees) - p).abs() < 1e-12);
        let x = chi_squared_quantile(p, degrees);
        prop_assert!((chi_squared_cdf(x, degrees) - p).abs() < 1e-11);
    }

    #[test]
    fn t_quantiles_rise_with_the_probability_and_shrink_with_the_degrees(
        p in 0.55..0.999,
        degrees in 1.0..200.0,
    ) {
        let t = student_t_quantile(p, degrees);
        prop_assert!(student_t_quantile(p + 0.0005, degrees) > t);
        prop_assert!(student_t_quantile(p, degrees * 1.1) < t);
        prop_assert!(t > normal_quantile(p));
        prop_assert!((student_t_quantile(1.0 - p, degrees) + t).abs() < 1e-9 * t);
    }

    #[test]
    fn without_noncentrality_the_law_is_students(t in -5.0..5.0, degrees in 1.0..80.0) {
        let central = student_t_cdf(t, degrees);
        prop_assert!((noncentral_t_cdf(t, degrees, 0.0) - central).abs() < 1e-11);
        prop_assert!(noncentral_t_cdf(t, degrees, 0.5) < central);
    }
}
