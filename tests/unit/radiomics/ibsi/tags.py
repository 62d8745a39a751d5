"""The tags of IBSI's reference tables, by the permanent code of the feature.

The tables name a feature `morph_volume` or `cm_contrast_3D_avg`, where the last part says how texture was gathered.
"""

from typing import Final

_STEMS: Final = """
RNU0 morph_volume, YEKZ morph_vol_approx, C0JK morph_area_mesh, 2PR5 morph_av, SKGS morph_comp_1, BQWJ morph_comp_2,
QCFX morph_sphericity, L0JK morph_diam, TDIC morph_pca_maj_axis, P9VJ morph_pca_min_axis, 7J51 morph_pca_least_axis,
Q3CK morph_pca_elongation, N17B morph_pca_flatness,
Q4LE stat_mean, ECT3 stat_var, KE2A stat_skew, IPH6 stat_kurt, Y12H stat_median, 1GSF stat_min, QG58 stat_p10,
8DWT stat_p90, 84IY stat_max, SALO stat_iqr, 2OJQ stat_range, 4FUA stat_mad, 1128 stat_rmad, N8CA stat_energy,
5ZWQ stat_rms, TLU2 ih_entropy, BJ5W ih_uniformity,
GYBY cm_joint_max, 60VM cm_joint_avg, UR99 cm_joint_var, TU9B cm_joint_entr, TF7R cm_diff_avg, D3YU cm_diff_var,
NTRS cm_diff_entr, ZGXS cm_sum_avg, P6QZ cm_sum_entr, 8ZQL cm_energy, ACUI cm_contrast, IB1Z cm_inv_diff,
NDRX cm_inv_diff_norm, WF0Z cm_inv_diff_mom, 1QCO cm_inv_diff_mom_norm, E8JP cm_inv_var, NI2N cm_corr,
QWB0 cm_auto_corr, DG8W cm_clust_tend, 7NFM cm_clust_shade, AE86 cm_clust_prom, R8DG cm_info_corr1, JN9H cm_info_corr2,
22OV rlm_sre, W4KF rlm_lre, V3SW rlm_lgre, G3QZ rlm_hgre, HTZT rlm_srlge, GD3A rlm_srhge, IVPO rlm_lrlge,
3KUM rlm_lrhge, R5YN rlm_glnu, OVBL rlm_glnu_norm, W92Y rlm_rlnu, IC23 rlm_rlnu_norm, 9ZK5 rlm_r_perc,
8CE5 rlm_gl_var, SXLW rlm_rl_var, HJ9O rlm_rl_entr,
5QRC szm_sze, 48P8 szm_lze, XMSY szm_lgze, 5GN9 szm_hgze, 5RAI szm_szlge, HW1V szm_szhge, YH51 szm_lzlge,
J17V szm_lzhge, JNSA szm_glnu, Y1RO szm_glnu_norm, 4JP3 szm_zsnu, VB3A szm_zsnu_norm, P30P szm_z_perc,
BYLV szm_gl_var, 3NSA szm_zs_var, GU8N szm_zs_entr,
QCDE ngt_coarseness, 65HE ngt_contrast, NQ30 ngt_busyness, HDEZ ngt_complexity, 1X9X ngt_strength,
SODN ngl_lde, IMOQ ngl_hde, TL9H ngl_lgce, OAE7 ngl_hgce, EQ3F ngl_ldlge, JA6D ngl_ldhge, NBZI ngl_hdlge,
9QMG ngl_hdhge, FP8K ngl_glnu, Z87G ngl_dcnu, OKJI ngl_dcnu_norm, 1PFV ngl_gl_var, DNX2 ngl_dc_var, FCBV ngl_dc_entr
"""

STEMS: Final[dict[str, str]] = dict(pair.split() for pair in _STEMS.replace("\n", " ").split(","))


def tag(code: str, gathered: str) -> str:
    """Return the tag of a feature.

    Parameters
    ----------
    code
        Permanent identifier of the reference manual.
    gathered
        `3D` or `2_5D`: how texture was gathered; features of directions are averaged.
    """
    stem = STEMS[code]
    family = stem.split("_")[0]
    if family in ("cm", "rlm"):
        return f"{stem}_{gathered}_avg"
    return f"{stem}_{gathered}" if family in ("szm", "ngt", "ngl") else stem
