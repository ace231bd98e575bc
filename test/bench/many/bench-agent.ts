/** Name of the bench as a client, so that its own requests are not counted. */
export const benchAgent = 'bench';
