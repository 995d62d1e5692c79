"""GSS-API contexts with Kerberos, bare or negotiated, for DNS, SMB and the web.  RFC 2743, RFC 4121, RFC 4178

Nothing here does input or output: an `acceptor.Acceptor` or an
`initiator.Initiator` takes the peer's token and gives ours; when one has what
it needs there is a `context.Context`.
"""
