/** The quantities that the study's answer rests on, as the overview gives it: first the one that it leads with. */
export const LEADING: readonly string[] = ['kl_mean', 'delta_nll', 'top1_agreement', 'bits_per_weight_linear'];
