/** Loaded before the program: its clock is off by CLOCK_OFF_MS, and jumps by CLOCK_JUMP_MS once CLOCK_AFTER_MS have gone by. */
const off = Number(process.env.CLOCK_OFF_MS ?? 0);
const jump = Number(process.env.CLOCK_JUMP_MS ?? 0);
const after = Number(process.env.CLOCK_AFTER_MS ?? Infinity);
const RealDate = Date;
const now = () => RealDate.now() + off + (performance.now() > after ? jump : 0);

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now());
    else super(...args);
  }

  static now() {
    return now();
  }
};
