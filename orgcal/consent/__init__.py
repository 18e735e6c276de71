"""Consent of customer organisations: a link for one organisation, the callback's answer, and the proof that it is true.

service = ConsentService(registry, outputs, endpoints, environ)
with serving(service):                    # orgcal.consent.server
    link = service.link(tenant)
    ...                                   # an administrator of the organisation opens link.url
    print(service.wait_for(link.handle, timeout_s=300).outcome)
"""

from orgcal.consent.outcomes import ConsentOutcome
from orgcal.consent.service import ConsentLink, ConsentResult, ConsentService

__all__ = ["ConsentLink", "ConsentOutcome", "ConsentResult", "ConsentService"]
