-- The tables of the study: the contract between the stages that write rows and the report that draws them.
-- `tabulate` writes one NDJSON per table in this order of columns; the warehouse loads them; a page asks with SQL.
-- Every row names in `cell` the cell that computed it: that is where each number on the site leads.
-- No clock, host or path appears in a table; what machines are shows in machines, kernel_rates and the timings (measured).

CREATE TABLE models (
  model VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, architecture VARCHAR NOT NULL,
  parameters BIGINT NOT NULL, layers INTEGER NOT NULL, hidden_size INTEGER NOT NULL, heads INTEGER NOT NULL, kv_heads INTEGER NOT NULL,
  feed_forward_size INTEGER NOT NULL, vocabulary INTEGER NOT NULL, context_tokens INTEGER NOT NULL, tied_embeddings BOOLEAN NOT NULL,
  base_format VARCHAR NOT NULL,          -- the checkpoint's own type: what `base` means
  is_judge BOOLEAN NOT NULL, source VARCHAR NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE formats (                   -- in the study's order
  format VARCHAR PRIMARY KEY, position INTEGER NOT NULL, title VARCHAR NOT NULL, family VARCHAR NOT NULL,
  nominal_bits_per_weight DOUBLE NOT NULL, product VARCHAR NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE layouts (                   -- a format's byte layout, one row per part
  format VARCHAR NOT NULL, position INTEGER NOT NULL, part VARCHAR NOT NULL, what VARCHAR NOT NULL,
  bits INTEGER NOT NULL, per_weights INTEGER NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE artifacts (                 -- one per model and format
  model VARCHAR NOT NULL, format VARCHAR NOT NULL,
  alias_of VARCHAR,                      -- the format whose decoded weights are the same bits, computed once
  linear_weights BIGINT NOT NULL, linear_bytes BIGINT NOT NULL, other_weights BIGINT NOT NULL, other_bytes BIGINT NOT NULL,
  cell VARCHAR NOT NULL
);

CREATE TABLE tensor_errors (             -- one per model, format and quantized tensor
  model VARCHAR NOT NULL, format VARCHAR NOT NULL, tensor VARCHAR NOT NULL, layer INTEGER NOT NULL, kind VARCHAR NOT NULL,
  weights BIGINT NOT NULL, bytes BIGINT NOT NULL,
  relative_rms_error DOUBLE NOT NULL,    -- rms(decoded - original) / rms(original)
  max_abs_error DOUBLE NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE texts (
  text VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, author VARCHAR NOT NULL, year INTEGER NOT NULL, bytes BIGINT NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE windows (                   -- one per model, format (no aliases), text and window: sums over scored positions
  model VARCHAR NOT NULL, format VARCHAR NOT NULL, text VARCHAR NOT NULL, "window" INTEGER NOT NULL,
  scored_tokens INTEGER NOT NULL, scored_bytes INTEGER NOT NULL,   -- UTF-8 bytes of the scored tokens
  nll_base DOUBLE NOT NULL, nll DOUBLE NOT NULL,                    -- nats, summed
  kl DOUBLE NOT NULL,                                               -- KL(base || format), nats, summed
  same_top1 INTEGER NOT NULL,                                       -- positions with the same argmax
  right_to_wrong INTEGER NOT NULL, wrong_to_right INTEGER NOT NULL, -- flips of a right (wrong) argmax
  cell VARCHAR NOT NULL
);

CREATE TABLE token_scores (              -- one per scored position
  model VARCHAR NOT NULL, format VARCHAR NOT NULL, text VARCHAR NOT NULL, "window" INTEGER NOT NULL, position INTEGER NOT NULL,
  token INTEGER NOT NULL, nll_base DOUBLE NOT NULL, nll DOUBLE NOT NULL, kl DOUBLE NOT NULL,
  entropy_base DOUBLE NOT NULL, entropy DOUBLE NOT NULL, top1_base INTEGER NOT NULL, top1 INTEGER NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE sampling_windows (          -- the sampler's distribution at (temperature, top_k) against the base's, per window
  model VARCHAR NOT NULL, format VARCHAR NOT NULL, text VARCHAR NOT NULL, "window" INTEGER NOT NULL,
  temperature DOUBLE NOT NULL, top_k INTEGER NOT NULL,              -- 0: all tokens
  scored_tokens INTEGER NOT NULL,        -- positions with at least 32 tokens of context: only these are summed here
  total_variation DOUBLE NOT NULL,       -- summed over positions
  outside_mass DOUBLE NOT NULL,          -- mass on tokens that the base's top_k excludes, summed
  quality_shift DOUBLE,                  -- E_f(T): expected judge NLL under the format minus under base, nats, summed; top_k 0 only
  base_entropy DOUBLE,                   -- entropy of the base's distribution at T, summed; top_k 0 only
  cell VARCHAR NOT NULL
);

CREATE TABLE metrics (                   -- aggregates without a sampling setting: quantity x parameters -> value with its interval
  quantity VARCHAR NOT NULL,             -- perplexity, delta_nll, kl_mean, kl_p99, top1_agreement, weight_bytes, decode_tokens_per_second, ...
  model VARCHAR NOT NULL, format VARCHAR NOT NULL,
  text VARCHAR,                          -- null: all texts of the study
  temperature DOUBLE, top_k INTEGER, max_new_tokens INTEGER,
  engine VARCHAR,                        -- which one was timed, or holds so many bytes; null: exact, the same on every engine
  value DOUBLE NOT NULL, low DOUBLE, high DOUBLE,                   -- 95 % interval where one is defined
  unit VARCHAR NOT NULL, n BIGINT NOT NULL, clusters INTEGER,       -- n tokens (or texts), of so many windows (or prompts)
  exact BOOLEAN NOT NULL,                -- false: measured on a machine
  cell VARCHAR NOT NULL
);

CREATE TABLE sweep_metrics (             -- the same at one setting of the sampler; apart, so that a temperature more leaves metrics as it is
  quantity VARCHAR NOT NULL,             -- total_variation, quality_shift, tokens_until_difference, judge_nll_shift, ...
  model VARCHAR NOT NULL, format VARCHAR NOT NULL,
  text VARCHAR,                          -- null: all texts of the study
  temperature DOUBLE NOT NULL, top_k INTEGER NOT NULL, max_new_tokens INTEGER,
  value DOUBLE NOT NULL, low DOUBLE, high DOUBLE,                   -- 95 % interval where one is defined
  unit VARCHAR NOT NULL, n BIGINT NOT NULL, clusters INTEGER,       -- n tokens (or texts), of so many windows (or prompts)
  exact BOOLEAN NOT NULL,                -- false: measured on a machine
  cell VARCHAR NOT NULL
);

CREATE TABLE generations (               -- one per text written, at the longest max_new_tokens
  model VARCHAR NOT NULL, format VARCHAR NOT NULL, prompt VARCHAR NOT NULL, seed INTEGER NOT NULL,
  temperature DOUBLE NOT NULL, top_k INTEGER NOT NULL, max_new_tokens INTEGER NOT NULL,
  prompt_text VARCHAR NOT NULL, text VARCHAR NOT NULL, tokens VARCHAR NOT NULL,   -- token ids, space-separated
  pieces VARCHAR[] NOT NULL,             -- the text, token by token
  first_difference INTEGER,              -- index of the first token unlike the base's; null: none within the limit
  cell VARCHAR NOT NULL
);

CREATE TABLE choice_sets (               -- sets of multiple-choice items that models answer
  "set" VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, origin VARCHAR NOT NULL, licence VARCHAR NOT NULL, bytes BIGINT NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE choices (                   -- one per model, format (no aliases), item and option
  model VARCHAR NOT NULL, format VARCHAR NOT NULL, "set" VARCHAR NOT NULL, item VARCHAR NOT NULL, option INTEGER NOT NULL,
  nll DOUBLE NOT NULL,                   -- -log p of the option's tokens after the context, nats
  tokens INTEGER NOT NULL, bytes INTEGER NOT NULL,
  is_answer BOOLEAN NOT NULL,            -- the right one
  is_chosen BOOLEAN NOT NULL,            -- the likeliest; of equals the first
  cell VARCHAR NOT NULL
);

CREATE TABLE speed_samples (             -- one timing: a format once in a block
  model VARCHAR NOT NULL, format VARCHAR NOT NULL, engine VARCHAR NOT NULL, machine VARCHAR NOT NULL,
  phase VARCHAR NOT NULL,                -- prefill | decode
  pair VARCHAR NOT NULL,                 -- 'A' for all; 'A2' for the second run of the format timed twice (A/A)
  block INTEGER NOT NULL, place INTEGER NOT NULL, tokens INTEGER NOT NULL, duration_ms DOUBLE NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE speed_runs (                -- all formats of a model timed on one engine: what was asked for, and what else the machine did
  model VARCHAR NOT NULL, engine VARCHAR NOT NULL, machine VARCHAR NOT NULL,
  own BOOLEAN NOT NULL,                  -- the study's own engine, which computed its exact results
  build VARCHAR NOT NULL,
  threads INTEGER NOT NULL,              -- that the engine might use
  prompt_tokens INTEGER NOT NULL, blocks INTEGER NOT NULL,
  base_bytes BIGINT NOT NULL,            -- working set of a step in the base format: its weights, as the engine holds them
  level VARCHAR NOT NULL,                -- the smallest level that holds it: L2 | L3 | memory
  least_tokens INTEGER NOT NULL,         -- decoded in the shortest timing
  wall_ms DOUBLE NOT NULL, cpu_per_wall DOUBLE NOT NULL,            -- of its process, over all blocks
  steal_share DOUBLE,                    -- of all processors' time, given to others by the host; null: the system does not tell
  load_average DOUBLE NOT NULL,          -- the largest at the end of a block
  mhz DOUBLE,                            -- median over blocks; null: the system does not tell
  cell VARCHAR NOT NULL
);

CREATE TABLE kernel_rates (              -- npm run bench: what an engine or a peer reached at one kind of work; empty where it was not run
  suite VARCHAR NOT NULL,                -- read (memory and nothing else) | products | attention | models
  who VARCHAR NOT NULL, version VARCHAR NOT NULL,                   -- an engine and its build, or a peer's package
  peer BOOLEAN NOT NULL,
  decoded BOOLEAN NOT NULL,              -- keeps weights as fp32, whatever their format
  format VARCHAR NOT NULL,               -- of the weights, in the words of who computes
  shape VARCHAR NOT NULL,                -- of a weight, or a model's name
  phase VARCHAR NOT NULL,                -- read | product | attention | prefill | decode
  batch INTEGER NOT NULL,                -- rows of a product, tokens of a prefill, sequences of a decode
  threads INTEGER NOT NULL,
  value DOUBLE NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL, -- median and quartiles over rounds in which all took turns
  unit VARCHAR NOT NULL, rounds INTEGER NOT NULL,
  bytes BIGINT NOT NULL,                 -- working set: weights that a call reads
  level VARCHAR NOT NULL,                -- the smallest level that holds it: L2 | L3 | memory
  level_bytes BIGINT,                    -- that cache's size; null: memory
  read_share DOUBLE,                     -- bytes read a second, as a share of what the same threads read of such a buffer; null: bound by arithmetic
  quick BOOLEAN NOT NULL, cpu VARCHAR NOT NULL, cores INTEGER NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE machines (
  machine VARCHAR PRIMARY KEY, cpu VARCHAR NOT NULL, cores INTEGER NOT NULL, memory_bytes BIGINT NOT NULL, os VARCHAR NOT NULL, node VARCHAR NOT NULL,
  cell VARCHAR NOT NULL
);

CREATE TABLE claims (                    -- one per claim and version
  claim VARCHAR NOT NULL, position INTEGER NOT NULL, version VARCHAR NOT NULL, title VARCHAR NOT NULL,
  statement VARCHAR NOT NULL, source VARCHAR NOT NULL,
  operationalised VARCHAR NOT NULL,      -- how we turn it into something that can be decided
  test VARCHAR NOT NULL, margin VARCHAR NOT NULL, margin_reason VARCHAR NOT NULL, sql VARCHAR NOT NULL,
  verdict VARCHAR NOT NULL,              -- supported | contradicted | inconclusive | by construction | not testable here | too noisy
  scope VARCHAR NOT NULL, sentence VARCHAR NOT NULL, would_change VARCHAR NOT NULL, cell VARCHAR NOT NULL
);

CREATE TABLE claim_effects (             -- the estimates a verdict rests on
  claim VARCHAR NOT NULL, position INTEGER NOT NULL, part VARCHAR NOT NULL, model VARCHAR, format VARCHAR,
  value DOUBLE NOT NULL, low DOUBLE, high DOUBLE, level DOUBLE,     -- interval and its level (0.90 for TOST)
  margin_low DOUBLE, margin_high DOUBLE, unit VARCHAR NOT NULL, n BIGINT NOT NULL, clusters INTEGER NOT NULL,
  verdict VARCHAR NOT NULL, needed_clusters INTEGER,                -- how many would decide, where inconclusive
  cell VARCHAR NOT NULL
);

CREATE TABLE sources (
  path VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, origin VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, bytes BIGINT NOT NULL, licence VARCHAR NOT NULL, cell VARCHAR NOT NULL
);
