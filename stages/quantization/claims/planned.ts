/** When a margin was set, said the same way by every claim whose margin the plan of the study named. */
export const PLANNED = 'Set in the plan of the study before the first result; committed together with it.';
