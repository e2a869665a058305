//! The calls that typed and raw cached readers have in common.

/// The ways to read that typed and raw cached readers have (DDS 1.4, 2.2.2.5.3).
macro_rules! reads {
    ($item:ty; $($head:tt)*) => {
        $($head)* {
            /// Up to `max` samples in these states, which are read from then on and stay. The samples of
            /// an instance stand together, in the order in which they came; where PRESENTATION asks for
            /// ordered access over instances, all stand in that order.
            ///
            /// # Errors
            /// [`ReadError::Decode`] for a payload that is none of the type, which is dropped; nothing
            /// else has changed, and the next call goes on.
            pub fn read(&self, max: usize, states: States) -> Result<Vec<$item>, ReadError> {
                self.get(Which::All, states, None, max, false)
            }

            /// As [`read`](Self::read), and the samples go.
            ///
            /// # Errors
            /// As for [`read`](Self::read).
            pub fn take(&self, max: usize, states: States) -> Result<Vec<$item>, ReadError> {
                self.get(Which::All, states, None, max, true)
            }

            /// As [`read`](Self::read), of one instance. Topics without a key have one, of handle zero.
            ///
            /// # Errors
            /// As for [`read`](Self::read); [`ReadError::Instance`] if there is none of this handle.
            pub fn read_instance(
                &self,
                handle: KeyHash,
                max: usize,
                states: States,
            ) -> Result<Vec<$item>, ReadError> {
                self.get(Which::One(handle), states, None, max, false)
            }

            /// As [`read_instance`](Self::read_instance), and the samples go.
            ///
            /// # Errors
            /// As for [`read_instance`](Self::read_instance).
            pub fn take_instance(
                &self,
                handle: KeyHash,
                max: usize,
                states: States,
            ) -> Result<Vec<$item>, ReadError> {
                self.get(Which::One(handle), states, None, max, true)
            }

            /// As [`read`](Self::read), of the first instance after `previous` that has such samples, in
            /// the order of handles; of the first of all without. `previous` need not be there any more.
            ///
            /// # Errors
            /// As for [`read`](Self::read).
            pub fn read_next_instance(
                &self,
                previous: Option<KeyHash>,
                max: usize,
                states: States,
            ) -> Result<Vec<$item>, ReadError> {
                self.get(Which::After(previous), states, None, max, false)
            }

            /// As [`read_next_instance`](Self::read_next_instance), and the samples go.
            ///
            /// # Errors
            /// As for [`read`](Self::read).
            pub fn take_next_instance(
                &self,
                previous: Option<KeyHash>,
                max: usize,
                states: States,
            ) -> Result<Vec<$item>, ReadError> {
                self.get(Which::After(previous), states, None, max, true)
            }

            /// As [`read`](Self::read), of what makes `condition` true (`read_w_condition`).
            ///
            /// # Errors
            /// As for [`read`](Self::read); [`ReadError::Condition`] if it is another reader's.
            pub fn read_with(
                &self,
                condition: &ReadCondition,
                max: usize,
            ) -> Result<Vec<$item>, ReadError> {
                self.get_with(condition, max, false)
            }

            /// As [`take`](Self::take), of what makes `condition` true (`take_w_condition`).
            ///
            /// # Errors
            /// As for [`read_with`](Self::read_with).
            pub fn take_with(
                &self,
                condition: &ReadCondition,
                max: usize,
            ) -> Result<Vec<$item>, ReadError> {
                self.get_with(condition, max, true)
            }

            /// A condition that is true while there are samples in these states.
            pub fn read_condition(&self, states: States) -> ReadCondition {
                ReadCondition::new(&self.core, states, None)
            }

            fn get_with(
                &self,
                condition: &ReadCondition,
                max: usize,
                take: bool,
            ) -> Result<Vec<$item>, ReadError> {
                if !condition.is_of(&self.core) {
                    return Err(ReadError::Condition(self.core.spec.topic.clone()));
                }
                let filter = condition.filter();
                self.get(Which::All, condition.states(), filter.as_ref(), max, take)
            }

            fn get(
                &self,
                which: Which,
                states: States,
                filter: Option<&Filter>,
                max: usize,
                take: bool,
            ) -> Result<Vec<$item>, ReadError> {
                let query = Query { which, states, filter, max };
                self.core.get(&query, take, |shown| self.show(shown))
            }
        }
    };
}
pub(super) use reads;
