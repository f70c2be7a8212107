// What products of tiles and rows are of: fp16, of which an instruction of most GPUs does two. No more than 16 are summed before they join a sum of fp32.
alias Terms = vec4h;

fn opened(acc: vec4f) -> Terms { return Terms(); }

fn closed(sum: Terms, acc: vec4f) -> vec4f { return acc + vec4f(sum); }
