-- The tables of the study: the contract between the stages that write rows and the report that draws them.
-- `tabulate` writes one NDJSON per table in this order of columns; the warehouse loads them; a page asks with SQL.
-- Every row names in `cell` the cell that computed it: that is where each number on the site leads.
-- No clock, host or path appears in a table; what machines are shows in machines, kernel_rates and the timings (measured).
-- The words after a table's name say what a row is, those after a column what it holds: the report's pages of data print them.

CREATE TABLE models (                   -- a model of the study
  model VARCHAR PRIMARY KEY,            -- its name
  title VARCHAR NOT NULL,               -- its name in words
  architecture VARCHAR NOT NULL,        -- as its config.json calls it
  parameters BIGINT NOT NULL,           -- weights in all
  layers INTEGER NOT NULL,              -- transformer layers
  hidden_size INTEGER NOT NULL,         -- width of the residual stream
  heads INTEGER NOT NULL,               -- attention heads
  kv_heads INTEGER NOT NULL,            -- heads of keys and values
  feed_forward_size INTEGER NOT NULL,   -- width of the feed-forward layer
  vocabulary INTEGER NOT NULL,          -- tokens in the vocabulary
  context_tokens INTEGER NOT NULL,      -- longest context, tokens
  tied_embeddings BOOLEAN NOT NULL,     -- whether embedding and output head share their weights
  base_format VARCHAR NOT NULL,         -- the checkpoint's own type: what `base` means
  source_types VARCHAR,                 -- what its file has the linear layers quantized as, most weights first; null: it has them as they are
  source_bits_per_weight DOUBLE,        -- bits that a weight of the linear layers takes there
  is_judge BOOLEAN NOT NULL,            -- whether it rates what the others would write
  source VARCHAR NOT NULL,              -- where the checkpoint is from
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE formats (                  -- a weight format, in the study's order
  format VARCHAR PRIMARY KEY,           -- its name
  position INTEGER NOT NULL,            -- place in the study's order, from 0
  title VARCHAR NOT NULL,               -- its name in words
  family VARCHAR NOT NULL,              -- base, int8, nf4 or fp4
  nominal_bits_per_weight DOUBLE NOT NULL, -- in a long tensor, scales counted
  product VARCHAR NOT NULL,             -- how a layer multiplies with it: weights (decoded to fp32) or llm-int8
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE layouts (                  -- a part of a format's byte layout
  format VARCHAR NOT NULL,              -- name of the format
  position INTEGER NOT NULL,            -- place in storage, from 0
  part VARCHAR NOT NULL,                -- its name
  what VARCHAR NOT NULL,                -- what it holds
  bits INTEGER NOT NULL,                -- bits of one of it
  per_weights INTEGER NOT NULL,         -- weights that share one; 0: as many as the shape says
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE artifacts (                -- a model in a format: its stored bytes
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  alias_of VARCHAR,                     -- the format whose decoded weights are the same bits, computed once; null: its own
  linear_weights BIGINT NOT NULL,       -- weights of the linear layers, which are quantized
  linear_bytes BIGINT NOT NULL,         -- bytes that store them, scales counted
  other_weights BIGINT NOT NULL,        -- embeddings, norms and head, which stay in the checkpoint's type
  other_bytes BIGINT NOT NULL,          -- bytes that store those
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE tensor_errors (            -- a quantized tensor of a model in a format: its error
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  tensor VARCHAR NOT NULL,              -- name in the checkpoint
  layer INTEGER NOT NULL,               -- its layer, from 0; -1: of none
  kind VARCHAR NOT NULL,                -- the projection: q_proj, down_proj, ...
  weights BIGINT NOT NULL,              -- weights in it
  bytes BIGINT NOT NULL,                -- bytes that store it
  relative_rms_error DOUBLE NOT NULL,   -- rms(decoded - original) / rms(original)
  max_abs_error DOUBLE NOT NULL,        -- largest |decoded - original|
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE texts (                    -- a text that was scored
  text VARCHAR PRIMARY KEY,             -- its name
  title VARCHAR NOT NULL,               -- its title
  author VARCHAR NOT NULL,              -- who wrote it
  year INTEGER NOT NULL,                -- when it was published
  bytes BIGINT NOT NULL,                -- bytes of the file
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE windows (                  -- a window of a text under a format (no aliases): sums over its scored positions
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  text VARCHAR NOT NULL,                -- name of the text
  "window" INTEGER NOT NULL,            -- window of the text, from 0
  scored_tokens INTEGER NOT NULL,       -- scored positions: all but the first
  scored_bytes INTEGER NOT NULL,        -- UTF-8 bytes of the scored tokens
  nll_base DOUBLE NOT NULL,             -- NLL under the base, nats, summed
  nll DOUBLE NOT NULL,                  -- NLL under the format, nats, summed
  kl DOUBLE NOT NULL,                   -- KL(base || format), nats, summed
  same_top1 INTEGER NOT NULL,           -- positions where the likeliest token is the same
  right_to_wrong INTEGER NOT NULL,      -- positions where the base had the token of the text on top and the format has not
  wrong_to_right INTEGER NOT NULL,      -- positions where the format has it and the base had not
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE token_scores (             -- a scored token under a format
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  text VARCHAR NOT NULL,                -- name of the text
  "window" INTEGER NOT NULL,            -- window of the text, from 0
  position INTEGER NOT NULL,            -- place in the window: the number of tokens before it
  token INTEGER NOT NULL,               -- id of the token of the text
  nll_base DOUBLE NOT NULL,             -- -log p(token) under the base, nats
  nll DOUBLE NOT NULL,                  -- the same under the format
  kl DOUBLE NOT NULL,                   -- KL(base || format), nats
  entropy_base DOUBLE NOT NULL,         -- entropy of the base's distribution, nats
  entropy DOUBLE NOT NULL,              -- entropy of the format's, nats
  top1_base INTEGER NOT NULL,           -- id of the base's likeliest token
  top1 INTEGER NOT NULL,                -- id of the format's
  bytes INTEGER NOT NULL,               -- UTF-8 bytes of the text that the token stands for
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE sampling_windows (         -- a window at a temperature and top_k: the sampler's distribution against the base's, summed over positions with at least 32 tokens of context
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  text VARCHAR NOT NULL,                -- name of the text
  "window" INTEGER NOT NULL,            -- window of the text, from 0
  temperature DOUBLE NOT NULL,          -- of the sampler; 0: greedy
  top_k INTEGER NOT NULL,               -- of the sampler; 0: all tokens
  scored_tokens INTEGER NOT NULL,       -- positions that are summed
  total_variation DOUBLE NOT NULL,      -- half the sum of |p_format - p_base|, summed over positions
  outside_mass DOUBLE NOT NULL,         -- mass on tokens that the base's top_k excludes, summed
  quality_shift DOUBLE,                 -- E(T): expected judge NLL under the format minus under the base, nats, summed; null where top_k is above 0
  base_entropy DOUBLE,                  -- entropy of the base's distribution at T, nats, summed; null likewise
  base_quality DOUBLE,                  -- expected judge NLL under the base at T, nats, summed; null likewise
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE null_windows (             -- a window at a temperature under noise of a format's size instead of the format: sums over a sample of the positions with at least 32 tokens of context
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format whose KL divergence the noise has
  text VARCHAR NOT NULL,                -- name of the text
  "window" INTEGER NOT NULL,            -- window of the text, from 0
  temperature DOUBLE NOT NULL,          -- of the sampler
  scored_tokens INTEGER NOT NULL,       -- positions that are summed
  sigma DOUBLE NOT NULL,                -- standard deviation of the noise, in logits; over all windows of the text, as the next two
  format_kl DOUBLE NOT NULL,            -- mean KL(base || format) at these positions, nats
  noise_kl DOUBLE NOT NULL,             -- mean KL(base || base with noise) at them, nats
  shifts DOUBLE[] NOT NULL,             -- draw by draw: expected judge NLL under the base with noise minus under the base, nats, summed over positions
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE floor_windows (            -- a window of the first text under the base, by an engine that adds in another order against the exact one: sums over its scored positions
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format: the model's own
  engine VARCHAR NOT NULL,              -- name of the other engine
  "window" INTEGER NOT NULL,            -- window of the text, from 0
  scored_tokens INTEGER NOT NULL,       -- scored positions: all but the first
  kl DOUBLE NOT NULL,                   -- KL(exact || other), nats, summed
  kl_max DOUBLE NOT NULL,               -- the largest of a position
  delta_nll DOUBLE NOT NULL,            -- NLL under the other less that under the exact one, nats, summed
  same_top1 INTEGER NOT NULL,           -- positions where the likeliest token is the same
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE metrics (                  -- an aggregate without a sampling setting, with its interval
  quantity VARCHAR NOT NULL,            -- perplexity, delta_nll, kl_mean, kl_p99, top1_agreement, weight_bytes, decode_tokens_per_second, ...
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  text VARCHAR,                         -- name of the text; null: all texts of the study
  temperature DOUBLE,                   -- null: it is at none
  top_k INTEGER,                        -- null: likewise
  max_new_tokens INTEGER,               -- limit of the texts that it is about; null: none
  engine VARCHAR,                       -- which one was timed, or holds so many bytes; null: exact, the same on every engine
  value DOUBLE NOT NULL,                -- the estimate
  low DOUBLE,                           -- lower end of the 95 % interval; null: none is defined, or there are too few clusters
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- of value, low and high; share: 0 to 1
  n BIGINT NOT NULL,                    -- tokens, texts or timings that it is of
  clusters INTEGER,                     -- windows, prompts or blocks that they lie in, which is what is resampled; null: nothing is
  exact BOOLEAN NOT NULL,               -- false: measured on a machine
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE sweep_metrics (            -- an aggregate at one setting of the sampler, with its interval; apart, so that a temperature more leaves metrics as it is
  quantity VARCHAR NOT NULL,            -- total_variation, quality_shift, null_shift_mean, tokens_until_difference, judge_nll_shift, ...
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  text VARCHAR,                         -- name of the text; null: all texts of the study
  temperature DOUBLE NOT NULL,          -- of the sampler; 0: greedy
  top_k INTEGER NOT NULL,               -- of the sampler; 0: all tokens
  max_new_tokens INTEGER,               -- limit of the texts that it is about; null: none
  value DOUBLE NOT NULL,                -- the estimate
  low DOUBLE,                           -- lower end of the 95 % interval; null: none is defined, or there are too few clusters
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- of value, low and high; share: 0 to 1
  n BIGINT NOT NULL,                    -- tokens, texts or timings that it is of
  clusters INTEGER,                     -- windows, prompts or blocks that they lie in, which is what is resampled; null: nothing is
  exact BOOLEAN NOT NULL,               -- false: measured on a machine
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE profiles (                 -- a mean over a slice of the scored positions, with its interval
  profile VARCHAR NOT NULL,             -- kl_by_context: mean KL by tokens of context; calibration_by_entropy: mean NLL - entropy of the base by its entropy; calibration_shift_by_entropy: by how much a format changes that
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  slice INTEGER NOT NULL,               -- number of the slice, from 1
  slice_from DOUBLE NOT NULL,           -- its lower end, which belongs to it: tokens before the scored one, or nats
  slice_until DOUBLE,                   -- its upper end, which does not; null: open
  value DOUBLE NOT NULL,                -- the estimate
  low DOUBLE,                           -- lower end of the 95 % interval; null: none is defined, or there are too few clusters
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- of value, low and high; share: 0 to 1
  n BIGINT NOT NULL,                    -- tokens, texts or timings that it is of
  clusters INTEGER NOT NULL,            -- windows of the texts
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE pairs (                    -- two formats of a model compared on the same positions or in the same blocks, with the interval of the difference
  quantity VARCHAR NOT NULL,            -- kl_difference, kl_ratio, nll_difference, top1_agreement_difference, accuracy_difference, same_top1, decode_ratio, prefill_ratio
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- the first format
  other VARCHAR NOT NULL,               -- the second: differences are its value less that of the first, ratios its value over that of the first
  engine VARCHAR,                       -- which one was timed; null: exact
  value DOUBLE NOT NULL,                -- the estimate
  low DOUBLE,                           -- lower end of the 95 % interval; null: none is defined, or there are too few clusters
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- of value, low and high; share: 0 to 1
  n BIGINT NOT NULL,                    -- tokens, texts or timings that it is of
  clusters INTEGER,                     -- windows, prompts or blocks that they lie in, which is what is resampled; null: nothing is
  exact BOOLEAN NOT NULL,               -- false: measured on a machine
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE generations (              -- a text that was written, at the longest max_new_tokens
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  prompt VARCHAR NOT NULL,              -- name of the prompt
  seed INTEGER NOT NULL,                -- of the noise; 0: greedy, which needs none
  temperature DOUBLE NOT NULL,          -- of the sampler; 0: greedy
  top_k INTEGER NOT NULL,               -- of the sampler; 0: all tokens
  max_new_tokens INTEGER NOT NULL,      -- limit on new tokens
  prompt_text VARCHAR NOT NULL,         -- the prompt
  text VARCHAR NOT NULL,                -- what was written after it
  tokens VARCHAR NOT NULL,              -- its token ids, space-separated
  pieces VARCHAR[] NOT NULL,            -- the text, token by token
  first_difference INTEGER,             -- index of the first token unlike the base's under the same noise; null: none within the limit
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE judgements (               -- what the judge makes of a text that was written
  model VARCHAR NOT NULL,               -- name of the model that wrote it
  format VARCHAR NOT NULL,              -- name of the format
  prompt VARCHAR NOT NULL,              -- name of the prompt
  seed INTEGER NOT NULL,                -- of the noise; 0: greedy, which needs none
  temperature DOUBLE NOT NULL,          -- of the sampler; 0: greedy
  top_k INTEGER NOT NULL,               -- of the sampler; 0: all tokens
  nll DOUBLE[] NOT NULL,                -- token by token: -log p under the judge, given all before it, nats
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE survival (                 -- a step of the curve of “not yet different from the base's text under the same noise”
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  temperature DOUBLE NOT NULL,          -- of the sampler; 0: greedy
  top_k INTEGER NOT NULL,               -- of the sampler; 0: all tokens
  step INTEGER NOT NULL,                -- new tokens, from 1
  at_risk INTEGER NOT NULL,             -- texts that were the same, and watched, up to the token before
  parted INTEGER NOT NULL,              -- of them, texts whose token at this step is another
  value DOUBLE NOT NULL,                -- share of texts without a difference in so many tokens (Kaplan-Meier)
  low DOUBLE,                           -- lower end of the 95 % interval; null: none is defined, or there are too few clusters
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- of value, low and high; share: 0 to 1
  n BIGINT NOT NULL,                    -- texts
  clusters INTEGER NOT NULL,            -- prompts, which are resampled with all their seeds
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE worst_tokens (             -- one of the scored positions that a format moves most, with its context as text
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  rank INTEGER NOT NULL,                -- from 1, the largest KL divergence first
  text VARCHAR NOT NULL,                -- name of the text
  "window" INTEGER NOT NULL,            -- window of the text, from 0
  position INTEGER NOT NULL,            -- place in the window: the number of tokens before it
  context VARCHAR NOT NULL,             -- the text before, at most 24 tokens
  token VARCHAR NOT NULL,               -- the token of the text
  choice_base VARCHAR NOT NULL,         -- the base's likeliest token
  choice VARCHAR NOT NULL,              -- the format's
  kl DOUBLE NOT NULL,                   -- KL(base || format), nats
  nll_base DOUBLE NOT NULL,             -- -log p(token) under the base, nats
  nll DOUBLE NOT NULL,                  -- the same under the format
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE choice_sets (              -- a set of multiple-choice items that models answer
  "set" VARCHAR PRIMARY KEY,            -- its name
  title VARCHAR NOT NULL,               -- its name in words
  origin VARCHAR NOT NULL,              -- where it is from
  licence VARCHAR NOT NULL,             -- under which it may be used
  bytes BIGINT NOT NULL,                -- bytes of the file
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE choices (                  -- an option of a multiple-choice item under a format (no aliases)
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  "set" VARCHAR NOT NULL,               -- name of the set
  item VARCHAR NOT NULL,                -- its id in the set
  option INTEGER NOT NULL,              -- its place in the item, from 0
  nll DOUBLE NOT NULL,                  -- -log p of its tokens after the context, nats, summed
  tokens INTEGER NOT NULL,              -- tokens of it
  bytes INTEGER NOT NULL,               -- UTF-8 bytes of it
  is_answer BOOLEAN NOT NULL,           -- whether it is the right one
  is_chosen BOOLEAN NOT NULL,           -- whether it is the likeliest; of equals the first
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE speed_samples (            -- a timing: a format once in a block
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  engine VARCHAR NOT NULL,              -- name of the engine
  machine VARCHAR NOT NULL,             -- label of the machine
  phase VARCHAR NOT NULL,               -- prefill | decode
  pair VARCHAR NOT NULL,                -- 'A' for all; 'A2' for the second run of the format timed twice (A/A)
  block INTEGER NOT NULL,               -- block, from 0: all formats once
  place INTEGER NOT NULL,               -- place in the random order of the block, from 0
  tokens INTEGER NOT NULL,              -- tokens read or decoded
  duration_ms DOUBLE NOT NULL,          -- time for all of them, ms
  gpu_ms DOUBLE,                        -- that a GPU worked of it, by its own clock, ms; null: the host computed, or there is no such clock
  steps_ms DOUBLE[] NOT NULL,           -- its single steps, ms: prompts read, or tokens decoded; at most the first 2000
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE speed_runs (               -- all formats of a model timed on one engine: what was asked for, and what else the machine did
  model VARCHAR NOT NULL,               -- name of the model
  engine VARCHAR NOT NULL,              -- name of the engine
  machine VARCHAR NOT NULL,             -- label of the machine
  own BOOLEAN NOT NULL,                 -- the study's own engine, which computed its exact results
  build VARCHAR NOT NULL,               -- the engine's build
  threads INTEGER NOT NULL,             -- threads that the engine might use
  prompt_tokens INTEGER NOT NULL,       -- tokens of the prompt
  blocks INTEGER NOT NULL,              -- blocks that were timed
  base_bytes BIGINT NOT NULL,           -- working set of a step in the base format: its weights, as the engine holds them
  level VARCHAR,                        -- the smallest of the processor's levels that holds it: L2 | L3 | memory; null: a GPU computed
  least_tokens INTEGER NOT NULL,        -- decoded in the shortest timing
  wall_ms DOUBLE NOT NULL,              -- of its process, over all blocks, ms
  cpu_per_wall DOUBLE NOT NULL,         -- processor time per wall time of its process
  steal_share DOUBLE,                   -- of all processors' time, given to others by the host; null: the system does not tell
  load_average DOUBLE NOT NULL,         -- the largest at the end of a block
  mhz DOUBLE,                           -- median over blocks; null: the system does not tell
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE speed_blocks (             -- what else the machine did during a block of timings
  model VARCHAR NOT NULL,               -- name of the model
  engine VARCHAR NOT NULL,              -- name of the engine
  machine VARCHAR NOT NULL,             -- label of the machine
  block INTEGER NOT NULL,               -- block, from 0: all formats once
  wall_ms DOUBLE NOT NULL,              -- time of the block, ms
  cpu_ms DOUBLE NOT NULL,               -- processor time of its process, ms
  steal_ms DOUBLE,                      -- of all processors, given to others by the host, ms; null: the system does not tell
  load_average DOUBLE NOT NULL,         -- of the last minute, at its end
  mhz DOUBLE,                           -- mean over processors at its end; null: the system does not tell
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE speed_memory (             -- what an engine holds of one kind of a model in a format, after the last block
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format
  engine VARCHAR NOT NULL,              -- name of the engine
  machine VARCHAR NOT NULL,             -- label of the machine
  part VARCHAR NOT NULL,                -- weights | decodedCopies | tables | kvCache | workspace
  bytes BIGINT NOT NULL,                -- bytes of it
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE kernel_rates (             -- npm run bench: what an engine or a peer reached at one kind of work; empty where it was not run
  suite VARCHAR NOT NULL,               -- read (memory and nothing else) | products | attention | models
  who VARCHAR NOT NULL,                 -- an engine, or a peer's package
  version VARCHAR NOT NULL,             -- the engine's build, or the package's version
  peer BOOLEAN NOT NULL,                -- whether it is not ours
  decoded BOOLEAN NOT NULL,             -- keeps weights as fp32, whatever their format
  format VARCHAR NOT NULL,              -- of the weights, in the words of who computes
  bits_per_weight DOUBLE,               -- of a linear layer, scales counted; null: there are none
  activations VARCHAR,                  -- what they are multiplied with, in the words of who computes; null: there are none
  shape VARCHAR NOT NULL,               -- of a weight, or a model's name
  phase VARCHAR NOT NULL,               -- read | product | attention | prefill | decode
  batch INTEGER NOT NULL,               -- rows of a product, tokens of a prefill, sequences of a decode
  threads INTEGER NOT NULL,             -- threads that it might use
  value DOUBLE NOT NULL,                -- median over rounds in which all took turns
  low DOUBLE NOT NULL,                  -- first quartile
  high DOUBLE NOT NULL,                 -- third quartile
  unit VARCHAR NOT NULL,                -- of the three
  rounds INTEGER NOT NULL,              -- how many rounds
  bytes BIGINT NOT NULL,                -- working set: weights that a call reads
  level VARCHAR NOT NULL,               -- the smallest level that holds it: L2 | L3 | memory
  level_bytes BIGINT,                   -- that cache's size; null: memory
  read_share DOUBLE,                    -- bytes read a second, as a share of what the same threads read of such a buffer; null: bound by arithmetic
  quick BOOLEAN NOT NULL,               -- few rounds: a look, not a measurement
  cpu VARCHAR NOT NULL,                 -- the processor
  cores INTEGER NOT NULL,               -- processors that the system has
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE claimed (                  -- a figure of another program, claimed and not derived: no verdict rests on it; empty where none was imported
  file VARCHAR NOT NULL,                -- name of its file in data/claimed, where what is known of it ends
  metric VARCHAR NOT NULL,              -- what was measured, as table metrics calls it
  model VARCHAR NOT NULL,               -- name of the model
  format VARCHAR NOT NULL,              -- name of the format, of the study or another
  program VARCHAR NOT NULL,             -- the program that gave it
  version VARCHAR NOT NULL,             -- the version of that program
  conditions VARCHAR,                   -- what else it depends on: text, context, batch; null: not told
  machine VARCHAR,                      -- the machine, in words; null: not told
  value DOUBLE NOT NULL,                -- the figure, as the file has it
  unit VARCHAR NOT NULL,                -- of the value
  date VARCHAR NOT NULL,                -- when it was measured or published: YYYY-MM-DD
  source VARCHAR NOT NULL,              -- an address or a citation
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE peers (                    -- a model in a format on a peer: another program that the study drives; empty where it names none
  model VARCHAR NOT NULL,               -- name of the model
  peer VARCHAR NOT NULL,                -- name of the peer, which is the engine of its timings
  format VARCHAR NOT NULL,              -- name of the format, one of the study's or the peer's own
  machine VARCHAR NOT NULL,             -- label of the machine
  packages VARCHAR NOT NULL,            -- versions of what computed
  device VARCHAR NOT NULL,              -- what it computed on, as it says itself
  settings VARCHAR NOT NULL,            -- what else of it was set
  threads INTEGER NOT NULL,             -- threads that it might use
  weights VARCHAR NOT NULL,             -- how it stores the linear layers, as it says itself
  activations VARCHAR NOT NULL,         -- the type of what it multiplies with them
  head VARCHAR NOT NULL,                -- the type of its output head
  note VARCHAR,                         -- what else must be known to compare; null: nothing
  linear_weights BIGINT NOT NULL,       -- weights of the linear layers
  linear_bytes BIGINT NOT NULL,         -- bytes that store them, scales counted
  other_weights BIGINT NOT NULL,        -- embeddings, norms, biases and head
  other_bytes BIGINT NOT NULL,          -- bytes that store those
  codes_compared INTEGER NOT NULL,      -- linear layers whose stored codes were held against ours
  codes_equal INTEGER NOT NULL,         -- of those, the ones with the same codes bit for bit
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE peer_metrics (             -- an aggregate of what a peer computed, with its interval; quality against our base, agreement against our model in the same format
  quantity VARCHAR NOT NULL,            -- as in metrics; agreement_kl_mean, agreement_kl_max, agreement_delta_nll, agreement_top1
  model VARCHAR NOT NULL,               -- name of the model
  peer VARCHAR NOT NULL,                -- name of the peer
  format VARCHAR NOT NULL,              -- name of the format, one of the study's or the peer's own
  text VARCHAR,                         -- name of the text; null: all texts of the study
  value DOUBLE NOT NULL,                -- the estimate
  low DOUBLE,                           -- lower end of the 95 % interval; null: none is defined, or there are too few clusters
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- of value, low and high; share: 0 to 1
  n BIGINT NOT NULL,                    -- tokens or weights that it is of
  clusters INTEGER,                     -- windows that they lie in; null: nothing is resampled
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE peer_sweep_metrics (       -- an aggregate of what a peer wrote at one setting of the sampler, with its interval
  quantity VARCHAR NOT NULL,            -- as in sweep_metrics; same_as_ours, tokens_until_difference_from_ours: of texts that the same random numbers drew, or none, against ours in the same format
  model VARCHAR NOT NULL,               -- name of the model
  peer VARCHAR NOT NULL,                -- name of the peer
  format VARCHAR NOT NULL,              -- name of the format, one of the study's or the peer's own
  temperature DOUBLE NOT NULL,          -- of the sampler; 0: greedy
  top_k INTEGER NOT NULL,               -- of the sampler; 0: all tokens
  max_new_tokens INTEGER NOT NULL,      -- limit of the texts that it is about
  value DOUBLE NOT NULL,                -- the estimate
  low DOUBLE,                           -- lower end of the 95 % interval; null: none is defined, or there are too few clusters
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- of value, low and high; share: 0 to 1
  n BIGINT NOT NULL,                    -- texts that it is of
  clusters INTEGER,                     -- prompts that they continue; null: nothing is resampled
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE peer_texts (               -- a prompt continued by a peer, by its own sampler and stream of random numbers; by peer gpu, with those of the study
  model VARCHAR NOT NULL,               -- name of the model
  peer VARCHAR NOT NULL,                -- name of the peer
  format VARCHAR NOT NULL,              -- name of the format, one of the study's or the peer's own
  prompt VARCHAR NOT NULL,              -- name of the prompt
  seed BIGINT NOT NULL,                 -- of the random numbers; greedy texts need none
  temperature DOUBLE NOT NULL,          -- of the sampler; 0: greedy
  top_k INTEGER NOT NULL,               -- of the sampler; 0: all tokens
  max_new_tokens INTEGER NOT NULL,      -- its limit
  text VARCHAR NOT NULL,                -- what was written
  tokens VARCHAR NOT NULL,              -- ids of its tokens
  ours VARCHAR,                         -- our format whose text of the same random numbers, or greedy, it is held against; null: it is held against none
  first_difference INTEGER,             -- index of the first token that differs from that; null: none does, or it is held against none
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE peer_ratios (              -- our engine's speed over a peer's, both timed in the same blocks
  quantity VARCHAR NOT NULL,            -- decode_ratio_to_peer, prefill_ratio_to_peer
  model VARCHAR NOT NULL,               -- name of the model
  peer VARCHAR NOT NULL,                -- name of the peer
  format VARCHAR NOT NULL,              -- format on the peer, one of the study's or the peer's own
  ours VARCHAR NOT NULL,                -- format on our engine
  engine VARCHAR NOT NULL,              -- our engine
  value DOUBLE NOT NULL,                -- median over the blocks of our rate over the peer's
  low DOUBLE,                           -- lower end of the 95 % interval, from order statistics; null: too few blocks
  high DOUBLE,                          -- upper end of it
  unit VARCHAR NOT NULL,                -- ratio
  n BIGINT NOT NULL,                    -- blocks
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE machines (                 -- a machine that measured
  machine VARCHAR PRIMARY KEY,          -- its label, which tells nothing of its owner
  cpu VARCHAR NOT NULL,                 -- the processor
  cores INTEGER NOT NULL,               -- processors that the system has
  memory_bytes BIGINT NOT NULL,         -- main memory
  os VARCHAR NOT NULL,                  -- the system
  node VARCHAR NOT NULL,                -- version of Node
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE machine_caches (           -- a data cache of a machine that measured; none where its system does not tell
  machine VARCHAR NOT NULL,             -- label of the machine
  level INTEGER NOT NULL,               -- 1, 2 or 3
  bytes BIGINT NOT NULL,                -- its size
  shared_by INTEGER NOT NULL,           -- processors that share one
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE claims (                   -- a claim in one version, with its verdict
  claim VARCHAR NOT NULL,               -- its short name
  position INTEGER NOT NULL,            -- its place among claims
  version VARCHAR NOT NULL,             -- of the source
  title VARCHAR NOT NULL,               -- the claim in a line
  statement VARCHAR NOT NULL,           -- what the source says
  source VARCHAR NOT NULL,              -- where it says so
  operationalised VARCHAR NOT NULL,     -- how we turn it into something that can be decided
  test VARCHAR NOT NULL,                -- the statistical test
  margin VARCHAR NOT NULL,              -- what counts as a difference, and when that was set
  margin_reason VARCHAR NOT NULL,       -- why that margin
  sql VARCHAR NOT NULL,                 -- a query that gives the point estimates
  verdict VARCHAR NOT NULL,             -- supported | contradicted | inconclusive | by construction | not testable here | too noisy | shown
  scope VARCHAR NOT NULL,               -- what the verdict holds for
  sentence VARCHAR NOT NULL,            -- the result in a sentence
  would_change VARCHAR NOT NULL,        -- what would change the verdict
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE claim_effects (            -- an estimate that a verdict rests on
  claim VARCHAR NOT NULL,               -- short name of the claim
  position INTEGER NOT NULL,            -- place among its estimates
  part VARCHAR NOT NULL,                -- what is estimated
  model VARCHAR,                        -- null: all models
  format VARCHAR,                       -- null: all that the claim is about
  value DOUBLE NOT NULL,                -- the estimate
  low DOUBLE,                           -- lower end of the interval; null: none is defined
  high DOUBLE,                          -- upper end of it
  level DOUBLE,                         -- of the interval: 0.90 for an equivalence test
  margin_low DOUBLE,                    -- lower end of the margin; null: open
  margin_high DOUBLE,                   -- upper end; null: open
  unit VARCHAR NOT NULL,                -- of them all
  n BIGINT NOT NULL,                    -- tokens, texts or timings that it is of
  clusters INTEGER NOT NULL,            -- windows, prompts or blocks
  verdict VARCHAR NOT NULL,             -- what this estimate alone says
  needed_clusters INTEGER,              -- how many would decide, where inconclusive
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE sources (                  -- a file that came from outside
  path VARCHAR PRIMARY KEY,             -- in the project
  title VARCHAR NOT NULL,               -- what it is
  origin VARCHAR NOT NULL,              -- where it is from
  sha256 VARCHAR NOT NULL,              -- of its bytes
  bytes BIGINT NOT NULL,                -- its size
  licence VARCHAR NOT NULL,             -- under which it may be used
  redistribute BOOLEAN NOT NULL,        -- whether it may be passed on; what may not, and what reconstructs it, is in no table and no pack
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);

CREATE TABLE errata (                   -- a published number that turned out to be wrong
  number VARCHAR NOT NULL,              -- its id
  date VARCHAR NOT NULL,                -- when that was found: YYYY-MM-DD
  wrong VARCHAR NOT NULL,               -- what was wrong
  successor VARCHAR,                    -- id of the number that stands in its place; null: none
  cell VARCHAR NOT NULL                 -- the cell that computed the row
);
