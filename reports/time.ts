/** A record's time stamp as a reader wants it: '2026-11-23 07:45 UTC'. Anything else is returned as it is. */
export const utcMinute = (iso: string): string => iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[\d:.]*(?:Z|\+00:00)$/, '$1 $2 UTC');
