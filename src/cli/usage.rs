//! The help texts.

/// `envpipe --version`
pub const VERSION: &str = concat!("envpipe ", env!("CARGO_PKG_VERSION"), "\n");

/// `envpipe -h`
pub const SHORT: &str = "\
usage: envpipe seal -k KEY [-r RECIPIENT] [-c NAME=VALUE] [-o FILE] [FILE | -- COMMAND]
       envpipe open -k KEY [-i IDENTITY] [-c NAME[=VALUE]] [-o FILE] [FILE]
       envpipe keygen [-o FILE]
";

/// `envpipe --help`, `envpipe help`
pub const LONG: &str = "\
AWS KMS envelope encryption as a Unix filter

usage: envpipe COMMAND [OPTION]... [FILE]

    tar c /srv | envpipe seal -k alias/backup | aws s3 cp - s3://bucket/srv.tar.age
    aws s3 cp s3://bucket/srv.tar.age - | envpipe open -k alias/backup | tar x

commands:
  seal      encrypt standard input, or FILE, under KMS keys and to age recipients
  open      decrypt what seal, or age, has made
  keygen    make an identity, to open streams without AWS
  help      help for a command: envpipe help seal

  -h, --help       print help (-h: short)
  -V, --version    print the version

environment:
  ENVPIPE_KEY      KMS keys, separated by spaces, that stand in where there is no -k
  AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_KMS …  as everywhere in AWS

exit status: 0 all went well; 1 reading or writing failed; 2 wrong command line;
3 no key; 4 bad data: truncated, altered, or not a sealed stream

The manual has the rest: man envpipe
";

/// `envpipe help seal`
pub const SEAL: &str = "\
encrypt standard input, or FILE, under KMS keys and to age recipients

usage: envpipe seal [-k KEY]... [--min-keys N] [-r RECIPIENT]... [-R FILE]... [-i FILE]...
                    [-c NAME=VALUE]... [-a] [-j N] [-o FILE] [FILE | -- COMMAND [ARG]...]

With -- COMMAND, what COMMAND writes is sealed, and the stream gets its end only if
COMMAND exits with 0: a dump that dies can never be opened as if it were whole.
Any one of the keys and recipients named opens the stream.

  -k, --key KEY               seal under this KMS key: alias/NAME, a key id, or the ARN
                              of a key or alias; default: the keys in ENVPIPE_KEY
      --min-keys N            go on if N of the KMS keys can be had, and say which were
                              left out; default: all of them
  -r, --recipient RECIPIENT   seal to this age recipient (age1…)
  -R, --recipients-file FILE  seal to the recipients in FILE, one a line
  -i, --identity FILE         seal to the identities in FILE
  -c, --context NAME=VALUE    bind this pair to the stream, as KMS encryption context;
                              it can be read by everybody who sees the stream
  -a, --armor                 write text instead of bytes
  -j, --jobs N                work on N cores; default: all, but no more than 8
  -o, --output FILE           write to FILE, which is replaced only on success;
                              '-' is standard output, even if it is a terminal
  -h, --help                  print this help

    envpipe seal -k alias/backup -c db=main -o db.age -- pg_dump main
";

/// `envpipe help open`
pub const OPEN: &str = "\
decrypt a sealed stream from standard input, or FILE

usage: envpipe open [-k KEY]... [-i FILE]... [-c NAME[=VALUE]]... [-j N] [-o FILE] [FILE]

Nothing is written before the key is known and the header authentic. Exit status 0 says
that the whole stream was authentic; after an error, what was written is only its beginning.

  -k, --key KEY               accept this KMS key: alias/NAME, a key id, or the ARN of a
                              key or alias; 'any': whichever the header names;
                              default: the keys in ENVPIPE_KEY
  -i, --identity FILE         try the age identities in FILE first
  -c, --context NAME[=VALUE]  the stream must have been sealed with this context
  -j, --jobs N                work on N cores; default: all, but no more than 8
  -o, --output FILE           write to FILE, which is replaced only on success;
                              '-' is standard output
  -h, --help                  print this help

    aws s3 cp s3://bucket/db.age - | envpipe open -k alias/backup -c db=main | psql db
";

/// `envpipe help keygen`
pub const KEYGEN: &str = "\
make an identity: an age key pair that opens streams without AWS

usage: envpipe keygen [-o FILE]

Keep the identity off the hosts that seal; seal to its public key with -r.

  -o, --output FILE           write to FILE, which must not exist; only you may read it
  -h, --help                  print this help

    envpipe keygen -o break-glass.key
";
