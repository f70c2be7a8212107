/** The question of a run that is interrupted at a terminal while jobs of it are elsewhere. */
import type { WhenInterrupted } from './executor.ts';

/** Asked again and again until one of the two is answered; a second Ctrl-C, or the terminal's end, means `leave`. */
export function askWhatBecomesOfJobs(): Promise<WhenInterrupted> {
  const { stdin, stderr } = process;
  const ask = (): void => { stderr.write('\nJobs of this run are in the queue. Cancel them (c), or leave them for the next run to take in (l)? '); };
  return new Promise((resolve) => {
    const answered = (answer: WhenInterrupted): void => {
      stdin.off('data', hear).off('end', leave).pause();
      process.off('SIGINT', leave);
      resolve(answer);
    };
    const leave = (): void => answered('leave');
    const hear = (text: Buffer): void => {
      const word = text.toString().trim().toLowerCase();
      if (word === 'c' || word === 'cancel') answered('cancel');
      else if (word === 'l' || word === 'leave') answered('leave');
      else ask();
    };
    ask();
    stdin.on('data', hear).on('end', leave).resume();
    process.on('SIGINT', leave);
  });
}
