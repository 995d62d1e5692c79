"""The PAC: what a KDC says of a user, signed so that neither user nor service can change it.  [MS-PAC]"""
