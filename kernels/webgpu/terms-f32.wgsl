// What products of tiles and rows are of: fp32, summed in place.
alias Terms = vec4f;

fn opened(acc: vec4f) -> Terms { return acc; }

fn closed(sum: Terms, acc: vec4f) -> vec4f { return sum; }
