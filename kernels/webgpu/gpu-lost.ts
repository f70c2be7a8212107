import { Passing } from '../passing.ts';

/** The device is gone, with all that it held: a new one may work. */
export class GpuLost extends Passing {
  override name = 'GpuLost';
}
