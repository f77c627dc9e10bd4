//! BILL's error codes as a type. The list of them is `specs/errors/bill.yaml`.

use crate::error::Error;

include!(concat!(env!("OUT_DIR"), "/bill-codes.rs"));

impl Code {
    /// The codes that BILL gave with an error, in its order; none where it gave none, or where nothing came from BILL.
    ///
    /// ```
    /// use ledgerkey::Error;
    /// use ledgerkey::bill::Code;
    ///
    /// /// Whether a payment was refused for what it is dated.
    /// fn is_dated_badly(error: &Error) -> bool {
    ///     Code::of(error).contains(&Code::Bdc1152)
    /// }
    ///
    /// assert!(!is_dated_badly(&Error::Config("nothing was sent".into())));
    ///
    /// let code = Code::from("BDC_1109");
    /// assert_eq!(code, Code::Bdc1109);
    /// assert_eq!(code.meaning(), Some("The session is not alive."));
    /// assert_eq!(Code::from("BDC_9999"), Code::Other("BDC_9999".into()));
    /// ```
    pub fn of(error: &Error) -> Vec<Self> {
        error.refusal().into_iter().flat_map(|refusal| refusal.codes()).map(Self::from).collect()
    }
}
