/*
 * The words of a recorded program: what ../engines/program.ts says, for C. test/kernels/native-program.test.ts compares the two.
 */
#ifndef BW_PROGRAM_H
#define BW_PROGRAM_H

enum { BW_WORDS = 16, BW_LINE_BYTES = 64, BW_SAMPLE_WORDS = 5 };

enum bw_opcode {
  BW_EMBED = 1, BW_RMS_NORM = 2, BW_LAYER_NORM = 3, BW_LINEAR = 4, BW_ROTATE = 5, BW_REMEMBER = 6, BW_ATTEND = 7,
  BW_SILU_MUL = 8, BW_GELU = 9, BW_ADD = 10, BW_TAKE = 11, BW_SAMPLE = 12, BW_HEAD_NORM = 13, BW_MUL = 14, BW_SCALE = 15, BW_COLUMNS = 16
};

enum bw_word {
  BW_AT_CODE = 0, BW_AT_WAIT = 1, BW_AT_OUT = 2, BW_AT_X = 3, BW_AT_Y = 4, BW_AT_HANDLE = 5, BW_AT_HANDLE2 = 6, BW_AT_ROWS = 7,
  BW_AT_COLS = 8, BW_AT_A0 = 9, BW_AT_A1 = 10, BW_AT_A2 = 11, BW_AT_A3 = 12, BW_AT_A4 = 13, BW_AT_F0 = 14, BW_AT_F1 = 15
};

#endif
