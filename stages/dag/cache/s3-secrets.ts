/** Variables that hold a secret, to be withheld from whatever is started: a file of its own, since every command withholds them and few ask for them. */
export const S3_SECRET_VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const;
