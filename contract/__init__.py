"""What two processes must agree on.

Admission test: if two processes disagreed about this, a message would be misread or a prediction
would be wrong. Everything else belongs to the service that needs it. Standard library only, so that
every service can import it in milliseconds.
"""

#: Written with every record and event. A reader ignores fields it does not know, so only a change of
#: *meaning* raises this number.
WIRE_VERSION = 1
